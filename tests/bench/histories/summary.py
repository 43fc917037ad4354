"""Many seeds, in several processes, added up."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.histories.history import run_plain

CHUNK = 50
REFUSED_SALE = "refused by the selling rule"
REFUSED = "valid codes refused"
CAUSES = (
    "no contact since",
    "no contact since, resold, the new party not in yet",
    "within 900 s after a contact",
)


@dataclass(slots=True)
class Summary:
    """`counts` with the selling rule, `control` the same seeds without it."""

    histories: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    control: Counter[str] = field(default_factory=Counter)
    odd: list[tuple[int, str]] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def is_right(self) -> bool:
        """Nobody with a right was refused, nobody without one came in beyond what the protocol leaves."""
        return not self.odd

    def add(self, other: "Summary") -> None:
        """Take another one in."""
        self.histories += other.histories
        self.counts += other.counts
        self.control += other.control
        self.odd += other.odd
        self.cpu_s += other.cpu_s

    def table(self) -> str:
        """In Markdown."""
        counts, asked = self.counts, self.counts["asked"]
        rows: list[tuple[str, str]] = [
            ("histories", f"{self.histories:,}"),
            ("sales asked for (on offer and free)", f"{asked:,}"),
            ("— refused by the selling rule", _share(counts[REFUSED_SALE], asked)),
            ("sold in the last minutes or at the door", f"{counts['sold rush'] + counts['sold door']:,}"),
            ("cancelled", f"{counts['cancelled']:,}"),
            ("openings by a right", f"{counts['openings by a right']:,}"),
            (
                "openings without a contact in time (`offline`)",
                _share(counts["openings offline"], counts["openings"]),
            ),
            ("**valid codes refused**", f"**{counts[REFUSED]:,}**"),
            ("— the same seeds without the selling rule", f"{self.control[REFUSED]:,}"),
            ("valid codes told to wait, after somebody's guesses (`throttled`)", f"{counts[WAIT]:,}"),
            ("— and not in by a later try", f"{counts['told to wait, and not in']:,}"),
            ("openings by cancelled credentials", _share(counts["cancelled openings"], counts["openings"])),
            *((f"— {cause}", f"{counts['cancelled openings: ' + cause]:,}") for cause in CAUSES),
            ("— after a contact, or after a later party had entered", f"{len(self.odd) - counts[REFUSED]:,}"),
            ("wrong codes typed, none of which opened", f"{counts['wrong codes typed']:,}"),
        ]
        return "\n".join(
            ["| what | found |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
        )


WAIT = "valid codes told to wait (throttled)"


def run_seeds(seeds: range) -> Summary:
    """One after the other."""
    found = Summary()
    begun = time.process_time()
    for seed in seeds:
        outcome = run_plain(seed)
        found.histories += 1
        found.counts += outcome.counts
        found.odd += [(seed, what) for what in outcome.odd]
        # Where the rule refused nothing it changed nothing.
        has_bitten = outcome.counts[REFUSED_SALE]
        found.control += run_plain(seed, has_rule=False).counts if has_bitten else outcome.counts
    found.cpu_s = time.process_time() - begun
    return found


def run_many(
    first: int, histories: int, workers: int, *, note: Callable[[Summary], None] = lambda _found: None
) -> Summary:
    """`histories` seeds from `first` on; `note` is told how far it is."""
    end = first + histories
    chunks = [range(start, min(start + CHUNK, end)) for start in range(first, end, CHUNK)]
    found = Summary()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for part in pool.imap_unordered(run_seeds, chunks):
            found.add(part)
            note(found)
    found.odd.sort()
    return found


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.1%})" if whole else f"{part:,}"
