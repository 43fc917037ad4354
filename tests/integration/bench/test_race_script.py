"""The public race script finds a system that sells a slot twice, and clears one that does not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy as sa

from booking.reservations.models import Reservation
from core.window import granule_start
from tests.bench.town import BenchTown
from tests.servers.processes import ROOT, Processes

CLIENTS = "24"
SCRIPT = str(ROOT / "tests" / "bench" / "race.py")


class LooksThenActs:
    """Every second booking system: looks whether the slot is free, then takes it."""

    def __init__(self) -> None:
        self.sold = 0
        self._both_have_looked = threading.Barrier(2)

    def book(self) -> bool:
        if self.sold:
            return False
        # What a real system leaves to chance is certain here: two have looked before one acts.
        self._both_have_looked.wait(10)
        self.sold += 1
        return True


class TakesAtOnce:
    """Looks and acts as one."""

    def __init__(self) -> None:
        self.sold = 0
        self._mutex = threading.Lock()

    def book(self) -> bool:
        with self._mutex:
            if self.sold:
                return False
            self.sold += 1
            return True


@contextmanager
def serving(book: Callable[[], bool]) -> Iterator[str]:
    """A tiny server over a way of booking; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            has_it = book()
            body = b"sold" if has_it else b"slot_taken"
            self.send_response(303 if has_it else 409)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/slot"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_system_that_looks_and_then_acts_is_caught_selling_twice(processes: Processes) -> None:
    system = LooksThenActs()
    with serving(system.book) as url:
        race = processes.python(SCRIPT, "--url", url, "--clients", "2", "--body", "n={n}")
        assert race.wait() == 1
    assert system.sold == 2
    assert "told that they have the slot: 2" in race.output


def test_a_system_that_takes_at_once_is_cleared(processes: Processes) -> None:
    system = TakesAtOnce()
    with serving(system.book) as url:
        race = processes.python(SCRIPT, "--url", url, "--clients", CLIENTS, "--body", "n={n}")
        assert race.wait() == 0
    assert "told that they have the slot: 1" in race.output
    assert "status 409: 23" in race.output


def test_a_system_on_another_machine_is_never_raced(processes: Processes) -> None:
    race = processes.python(SCRIPT, "--url", "http://kaiho.example/slot")
    assert race.wait() == 1
    assert "only a system on this machine may be raced" in race.output


def test_ours_sells_a_slot_once_to_residents_who_come_at_the_same_instant(
    database_url: str, processes: Processes, tmp_path: Path
) -> None:
    town = BenchTown(database_url, residents=24)
    try:
        town.plant(20, days=6)
        (slot,) = town.take_slots("paid", 1)
        forms = [
            f"csrf_token={one.csrf}&group_id={one.group_id}&start={slot.first}&length={slot.length}"
            "&request_key=race-of-client-{n}"
            for one in town.residents
        ]
        cookies, bodies = tmp_path / "cookies", tmp_path / "bodies"
        cookies.write_text("\n".join(one.cookie for one in town.residents))
        bodies.write_text("\n".join(forms))
        url = f"http://127.0.0.1:{town.port}/offerings/{slot.offering_id}/holds"
        with town.serving(workers=2, threads=4):
            race = processes.python(
                *(SCRIPT, "--url", url, "--clients", CLIENTS),
                *("--cookie-file", str(cookies), "--body-file", str(bodies)),
            )
            assert race.wait() == 0, race.output
        with town.services.database.reading() as session:
            made = session.scalar(
                sa.select(sa.func.count())
                .select_from(Reservation)
                .where(
                    Reservation.offering_id == slot.offering_id,
                    Reservation.starts_at == granule_start(slot.first),
                )
            )
    finally:
        town.close()
    assert made == 1
    assert "status 409: 23" in race.output
