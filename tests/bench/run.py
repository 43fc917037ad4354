"""One database from its empty tables to its figures."""

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench import bare, figures, locks, measure
from tests.bench.bare import Pattern
from tests.bench.figures import Figure
from tests.bench.measure import Race
from tests.bench.money import Money
from tests.bench.town import BenchTown

CLIENTS = 32
RACERS = 200
FEW = 1000


@dataclass(frozen=True, slots=True)
class Size:
    """How long a run is. The short one only shows that the bench works."""

    rounds: int = 5
    reservations: int = 50_000
    pages: int = 40
    holds: int = 500
    confirmed: int = 250
    settled: int = 200
    """Of the held ones, besides: paid through a session."""
    events: int = 1000
    """Messages of a burst."""
    bare: int = 3000
    builds: int = 12
    locks: int = 1000
    """Of the fleet that speaks over MQTT."""


@dataclass(frozen=True, slots=True)
class Server:
    """How `kaiho web` is started."""

    workers: int
    threads: int


DEFAULTS = {"SQLite": Server(1, 8), "PostgreSQL": Server(2, 8)}


class Run:
    """Fills a town and measures it; limits are taken between the measurements, in every round."""

    def __init__(self, name: str, url: str, size: Size, server: Server) -> None:
        self.name = name
        self.size = size
        self.server = server
        self.town = BenchTown(url)
        self.year = self.town.plant(size.reservations)
        self.money = Money(self.town, events=size.events)
        self.runs: dict[str, list[float]] = defaultdict(list)
        self.races: list[Race] = []
        self.on_the_wire: dict[int, int] = {}
        """Octets of a contact over HTTPS, by its hellos."""

    def figures(self) -> list[Figure]:
        """Measure everything."""
        statements = {kind: measure.count_hold(self.town, kind=kind) for kind in ("paid", "free")}
        self.pages = count_pages(self.town)
        with ExitStack() as running:
            at = {"workers": self.server.workers, "threads": self.server.threads}
            bare_port = running.enter_context(bare.bare_page(**at))
            running.enter_context(self.town.serving(**at))
            running.enter_context(self.money.running())
            self._warm(bare_port)
            for _ in range(self.size.rounds):
                self._round(bare_port)
            for _ in range(self.size.rounds):
                self.money.burst()
        self._build()
        self.town.close()
        return [
            *self._page_figures(),
            *self._hold_figures(statements),
            *self.money.figures(
                self.name, insert=self.runs["one connection per_s"], page=self.runs["bare page p50"]
            ),
            *self._lock_figures(),
        ]

    def _warm(self, bare_port: int) -> None:
        """Compiled statements, catalogues, plans; locks that have said hello, so that holds ask for them."""
        wall_ms = int(self.town.now.timestamp() * 1000)
        self.locks = [locks.HttpsLock(made, wall_ms=wall_ms) for made in self.town.locks]
        for lock in self.locks:
            locks.full_sync(self.town.port, lock)
        for path in paths(self.town).values():
            measure.page(self.town.port, path, count=8, clients=4)
        measure.page(bare_port, "/healthz", count=200, clients=8)
        _, made = measure.holds(self.town, "paid", count=120, clients=CLIENTS)
        measure.holds(self.town, "free", count=80, clients=CLIENTS)
        groups = [resident.group_id for resident in self.town.residents]
        self.pattern = Pattern(self.town.settings.database_url, made[0], groups)

    def _round(self, bare_port: int) -> None:
        town, size = self.town, self.size
        for name, path in paths(self.town).items():
            found = measure.page(town.port, path, count=size.pages)
            self._note(name, p50=found.p50, p99=found.p99)
            found = measure.page(town.port, path, count=size.pages, clients=8)
            self._note(name, per_s=found.per_s)
            if name != "day":
                continue
            found = measure.page(bare_port, "/healthz", count=size.pages * 5)
            self._note("bare page", p50=found.p50)
            found = measure.page(bare_port, "/healthz", count=size.pages * 20, clients=CLIENTS)
            self._note("bare page", per_s=found.per_s)
        held, made = measure.holds(town, "paid", count=size.holds, clients=CLIENTS)
        self._note("hold", p50=held.p50, p99=held.p99, per_s=held.per_s)
        self._note("bare insert", per_s=bare.bare_inserts(self.pattern, size.bare))
        found, _ = measure.holds(town, "free", count=size.confirmed, clients=CLIENTS)
        self._note("confirm", p50=found.p50, p99=found.p99, per_s=found.per_s)
        self._note("settle", per_s=measure.settle(town, made[: size.confirmed]))
        self.money.round(made[size.confirmed : size.confirmed + size.settled])
        one = bare.bare_inserts(self.pattern, size.bare // 4, processes=1, connections=1)
        self._note("one connection", per_s=one)
        self.races.append(measure.race(town, clients=RACERS))
        self._sync()

    def _sync(self) -> None:
        """Locks whose rights changed in this round say hello, get the new state, say hello again."""
        spent = [locks.full_sync(self.town.port, lock) for lock in self.locks[:12]]
        changed = [seconds for seconds, hellos, _ in spent if hellos > 1]
        for _, hellos, octets in spent:
            self.on_the_wire[hellos] = octets
        if changed:
            self._note("sync", p50=sorted(changed)[len(changed) // 2], p99=max(changed))

    def _build(self) -> None:
        lock_id, self.grants = measure.prepare_full_lock(self.town, wanted=150)
        for _ in range(self.size.rounds):
            took, self.octets = measure.build_desired(self.town, lock_id, count=self.size.builds)
            self._note("build", p50=sorted(took)[len(took) // 2], p99=max(took))
            self._note("bare row", p50=bare.bare_row(self.pattern, self.octets, self.size.builds * 4))
        self.fullest = measure.fullest_state(self.town, lock_id)

    def _note(self, name: str, **values: float) -> None:
        for unit, value in values.items():
            self.runs[f"{name} {unit}"].append(value)

    def _page_figures(self) -> list[Figure]:
        runs, bare_runs = self.runs, self.runs["bare page p50"]
        titles = {
            "day": ("one day over 37 facilities, page", 0.0),
            "month": ("month of one offering, page", 0.0),
            "masks": ("60 courts × 31 days with closures, JSON", 0.020),
        }
        lines = []
        for name, (title, most_s) in titles.items():
            p50, p99 = runs[f"{name} p50"], runs[f"{name} p99"]
            lines.append(
                figures.latency(title, self.name, p50, p99, bare_runs, of="bare page", most_s=most_s)
            )
            per_s, limit = runs[f"{name} per_s"], runs["bare page per_s"]
            lines.append(figures.rate("— 8 clients", self.name, per_s, limit, of="bare page"))
        return lines

    def _hold_figures(self, statements: dict[str, int]) -> list[Figure]:
        runs = self.runs
        least = 200 if self.name == "SQLite" else 300
        insert, one = runs["bare insert per_s"], runs["one connection per_s"]
        page = runs["bare page p50"]
        at_once = f"hold and confirm at once (nothing to pay), {CLIENTS} clients"
        settled = "confirm by a settled payment, a step without HTTP"
        alone = "bare insert, one connection"
        return [
            figures.rate(
                f"hold, {CLIENTS} clients",
                self.name,
                runs["hold per_s"],
                insert,
                of="bare insert",
                least=least,
            ),
            figures.latency(
                "— its wait", self.name, runs["hold p50"], runs["hold p99"], page, of="bare page, alone"
            ),
            figures.counted(
                "— its statements", self.name, str(statements["paid"]), "≤ 6", statements["paid"] <= 6
            ),
            figures.rate(at_once, self.name, runs["confirm per_s"], insert, of="bare insert"),
            figures.latency(
                "— its wait", self.name, runs["confirm p50"], runs["confirm p99"], page, of="bare page, alone"
            ),
            figures.counted("— its statements", self.name, str(statements["free"]), "", None),
            figures.rate(settled, self.name, runs["settle per_s"], one, of=alone),
            self._race_figure(),
        ]

    def _race_figure(self) -> Figure:
        took = sorted(race.took_s for race in self.races)
        fair = all((race.winners, race.rows, race.clear_losers) == (1, 1, RACERS - 1) for race in self.races)
        won = "one row, one winner" if fair else f"**unfair: {self.races}**"
        middle = took[len(took) // 2]
        return figures.counted(
            f"{RACERS} clients on one slot, {len(took)} rounds",
            self.name,
            f"{won}, {RACERS - 1} × slot_taken; all answered in {middle:.2f} s (worst {took[-1]:.2f} s)",
            "one; ≤ 0.5 s",
            fair and middle <= 0.5,
        )

    def _lock_figures(self) -> list[Figure]:
        runs = self.runs
        title = f"desired state of a lock, 14 days of 24 bands, {self.grants} grants, {self.octets} octets"
        return [
            figures.latency(
                title, self.name, runs["build p50"], runs["build p99"], runs["bare row p50"], of="bare row"
            ),
            figures.latency(
                "full sync of a simulated lock, HTTPS endpoint (hello, welcome, desired, hello, welcome)",
                self.name,
                runs["sync p50"],
                runs["sync p99"],
                [2 * p50 for p50 in runs["bare page p50"]],
                of="two bare pages",
            ),
            figures.counted(
                "a contact on the wire, HTTPS endpoint without TLS",
                self.name,
                "; ".join(
                    f"{hellos} hello{'s' * (hellos > 1)}: {octets:,} octets, {hellos + 1} round trips"
                    for hellos, octets in sorted(self.on_the_wire.items())
                ),
                "",
                None,
            ),
            figures.counted(
                f"desired state with every hour of both half courts sold for 45 days: {self.fullest[1]}",
                self.name,
                f"{self.fullest[0]:,} octets",
                "≤ 12,288",
                self.fullest[0] <= 12 * 1024,
            ),
        ]


def paths(town: BenchTown) -> dict[str, str]:
    """The pages that are timed."""
    day = town.busy_day
    courts = ",".join(map(str, town.courts[:60]))
    return {
        "day": f"/days/{day}",
        "month": f"/offerings/{town.an_offering}?month={day:%Y-%m}",
        "masks": f"/api/v1/availability?first={day.replace(day=1)}&days=31&courts={courts}",
    }


def count_pages(town: BenchTown) -> dict[str, int]:
    """Statements a page, residents' and managers', in a town where each has something to show."""
    day = town.busy_day
    residents = [*paths(town).values(), "/", "/reservations"]
    managers = ["/manage", f"/manage/utilisation?month={day:%Y-%m}", "/manage/approvals"]
    cookies = dict.fromkeys(residents, town.residents[0].cookie)
    cookies |= dict.fromkeys(managers, town.manager_cookie)
    return {path.split("?")[0]: measure.count_page(town, path, cookie) for path, cookie in cookies.items()}


def count_small(url: str) -> dict[str, int]:
    """The same in a town with few rows."""
    town = BenchTown(url)
    town.plant(FEW)
    measure.count_hold(town, kind="paid")
    measure.count_hold(town, kind="free")
    counted = count_pages(town)
    town.close()
    return counted


def page_counts(name: str, few: dict[str, int], run: Run) -> Figure:
    """Whether any page asks more where there is more."""
    shown = ", ".join(
        f"`{path}` {count}" if count == run.pages[path] else f"`{path}` {count} → **{run.pages[path]}**"
        for path, count in few.items()
    )
    title = f"statements a page, with {FEW:,} and with {run.year.reservations:,} reservations"
    return figures.counted(title, name, shown, "constant", few == run.pages)
