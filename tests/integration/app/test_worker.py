"""What is due is done by somebody, once, whoever is alive; nothing that fails stops anything else."""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from prometheus_client import REGISTRY

from booking.app.services import Services
from booking.app.worker import LEASE_FOR, Job, Worker
from booking.notices.sender import Mailer
from booking.reservations.models import State
from core import logs
from core.database import Database
from core.lease import Lease, take_lease
from core.owed import Owed
from tests.integration.app.command_line import CommandLine
from tests.integration.booking.town import NOW
from tests.integration.pages.conftest import MovedClock, Site, build_site
from tests.servers.loopback import eventually
from tests.servers.processes import Processes

JOBS = {
    "broker_certificates",
    "broker_users",
    "deadlines",
    "dispute_listing",
    "disputes",
    "emergency_codes",
    "expire_sessions",
    "horizons",
    "invoices",
    "lock_alarm_mails",
    "lock_alarms",
    "mail",
    "missing_rights",
    "modes",
    "money_case_mails",
    "money_cases",
    "nightly_audit",
    "old_messages",
    "parked_messages",
    "poll_refunds",
    "refund_reviews",
    "relief",
    "send_refunds",
    "settle",
    "settlement",
    "slips",
    "vendor_pins",
    "vendor_watch",
}


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A small town with its clock; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    yield build_site(database)
    database.dispose()


class Post:
    """A mail server in memory; `on_first` happens while the first mail is on its way."""

    def __init__(self, on_first: Callable[[], object] | None = None) -> None:
        self.sent: Counter[str] = Counter()
        self._on_first = on_first

    def send(self, message: EmailMessage) -> None:
        self.sent[str(message["Message-ID"])] += 1
        first, self._on_first = self._on_first, None
        if first is not None:
            first()

    def close(self) -> None:
        """Nothing to close."""


def mailer(post: Post) -> Mailer:
    return Mailer(post, "kaiho@example.jp", "https://kaiho.example.jp")


class Runs:
    """A job that counts itself."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return 1


class AskedClock:
    """A clock that counts who asks: a worker's thread does once for each try to lead."""

    def __init__(self, clock: MovedClock) -> None:
        self._clock = clock
        self.tries = 0

    def now(self) -> datetime:
        self.tries += 1
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def let_it_try(self, times: int) -> None:
        """Return when the worker has tried to lead so many times more."""
        before = self.tries
        eventually(lambda: self.tries >= before + times, what="tries to lead")


class Ticking(Worker):
    """A worker with the jobs that a test gives it, many times a second."""

    def __init__(self, services: Services, **jobs: Job) -> None:
        super().__init__(services, mailer(Post()), renewed_every_s=0.02)
        self._jobs = jobs

    def jobs(self) -> dict[str, tuple[float, Job]]:
        return {name: (0.02, job) for name, job in self._jobs.items()}


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


@contextmanager
def said() -> Iterator[Callable[[], list[dict[str, object]]]]:
    """The log's lines of what happens in the block."""
    stream, before = io.StringIO(), structlog.get_config()
    logs.configure(stream=stream)
    try:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        structlog.configure(**before)


def counted(metric: str, job: str) -> float:
    return REGISTRY.get_sample_value(metric, {"job": job}) or 0.0


def leader(database: Database) -> str | None:
    with database.reading() as session:
        return session.scalar(sa.select(Lease.holder).where(Lease.name == "worker"))


def lead(site: Site, holder: str) -> None:
    with site.town.database.transaction() as session:
        assert take_lease(session, "worker", holder=holder, lasts_for=LEASE_FOR, now=site.clock.now())


def test_every_job_runs_at_once(site: Site) -> None:
    worker = Worker(site.services, mailer(Post()))
    assert set(worker.jobs()) == JOBS
    before = {job: counted("kaiho_worker_run_seconds_count", job) for job in JOBS}
    failed = {job: counted("kaiho_worker_failures_total", job) for job in JOBS}
    with running(worker):
        eventually(
            lambda: all(counted("kaiho_worker_run_seconds_count", job) > before[job] for job in JOBS),
            within_s=30,
            what="a run of every job",
        )
    assert {job: counted("kaiho_worker_failures_total", job) for job in JOBS} == failed


def test_a_hold_that_nobody_paid_ends_and_its_mails_leave(site: Site) -> None:
    post = Post()
    reservation_id = site.town.held()
    site.clock.advance(seconds=3600)
    with running(Worker(site.services, mailer(post))):
        eventually(
            lambda: site.town.reservation(reservation_id).state == State.EXPIRED and post.sent.total() >= 2,
            within_s=30,
            what="the end of the hold and its mails",
        )
    assert site.town.claims(owner=reservation_id) == set()
    assert set(post.sent.values()) == {1}


def test_a_job_that_fails_is_counted_and_logged_and_comes_round_again(site: Site) -> None:
    tries: list[int] = []
    sound = Runs()

    def broken() -> int:
        tries.append(1)
        raise ZeroDivisionError

    before = counted("kaiho_worker_failures_total", "broken")
    worker = Ticking(site.services, broken=broken, sound=sound)
    with said() as lines, running(worker):
        eventually(lambda: len(tries) >= 3 and sound.count >= 3, what="three runs of both")
    assert counted("kaiho_worker_failures_total", "broken") - before == len(tries)
    failures = [line for line in lines() if line["event"] == "job_failed"]
    assert len(failures) == len(tries)
    assert {(line["job"], line["error"], line["level"]) for line in failures} == {
        ("broken", "ZeroDivisionError", "error")
    }


def test_only_the_holder_of_the_lease_ticks_and_another_takes_over_when_it_runs_out(site: Site) -> None:
    lead(site, "somebody else")
    job, clock = Runs(), AskedClock(site.clock)
    with running(Ticking(replace(site.services, clock=clock), job=job)):
        site.clock.advance(seconds=LEASE_FOR.total_seconds() - 1)
        clock.let_it_try(5)
        assert (job.count, leader(site.town.database)) == (0, "somebody else")
        site.clock.advance(seconds=2)
        eventually(lambda: job.count, what="a run by the new leader")
        assert leader(site.town.database) != "somebody else"


def test_a_worker_that_lost_its_lease_stops_ticking(site: Site) -> None:
    job, clock = Runs(), AskedClock(site.clock)
    with running(Ticking(replace(site.services, clock=clock), job=job)):
        eventually(lambda: job.count, what="a run")
        with site.town.database.transaction() as session:
            session.execute(sa.update(Lease).values(holder="somebody else", until=NOW + timedelta(days=1)))
        clock.let_it_try(3)
        before = job.count
        clock.let_it_try(5)
        assert job.count == before
        assert leader(site.town.database) == "somebody else"


def test_a_worker_that_ends_gives_its_lease_back_and_waits_for_what_runs(site: Site) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        may_end.wait(10)
        ended.set()
        return 1

    with running(Ticking(site.services, slow=slow)):
        assert begun.wait(10)
        assert leader(site.town.database) is not None
        threading.Timer(0.1, may_end.set).start()
    assert ended.is_set()
    assert leader(site.town.database) is None


def mail_job(site: Site, post: Post) -> Job:
    """A worker's mail job; the worker thinks that it leads."""
    return Worker(site.services, mailer(post)).jobs()["mail"][1]


def test_two_workers_on_the_same_rows_do_the_work_once(site: Site) -> None:
    site.town.confirmed()
    second = Post()
    first = Post(on_first=mail_job(site, second))
    mail_job(site, first)()
    assert first.sent.total() == mails_owed(site) >= 2
    assert second.sent.total() == 0
    assert set((first.sent + second.sent).values()) == {1}


def test_two_workers_would_do_it_twice_if_rows_were_not_claimed(site: Site) -> None:
    site.town.confirmed()
    second = Post()

    def unclaimed() -> None:
        with site.town.database.transaction() as session:
            session.execute(sa.update(Owed).values(due_at=NOW))
        mail_job(site, second)()

    first = Post(on_first=unclaimed)
    mail_job(site, first)()
    assert set((first.sent + second.sent).values()) == {2}


def test_many_workers_at_once_do_the_work_once(site: Site) -> None:
    site.town.confirmed()
    posts = [Post() for _ in range(4)]
    together = threading.Barrier(len(posts))

    def work(post: Post) -> None:
        job = mail_job(site, post)
        together.wait(10)
        job()

    threads = [threading.Thread(target=work, args=(post,)) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sent = sum((post.sent for post in posts), Counter())
    assert set(sent.values()) == {1}
    assert sent.total() == mails_owed(site)


def mails_owed(site: Site) -> int:
    with site.town.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Owed).where(Owed.kind == "mail")) or 0


def test_sigterm_ends_the_process_in_order(database_url: str, processes: Processes, tmp_path: Path) -> None:
    line = CommandLine(database_url, tmp_path / "broker")
    process = processes.python("-m", "booking.app.cli", "worker", env=line.environment)
    process.wait_for_line("worker_started", within_s=60)
    database = Database(database_url)
    assert leader(database) is not None
    assert process.stop(within_s=20) == 0
    assert leader(database) is None
    database.dispose()
    assert "worker_stopped" in process.lines[-1]
    assert "Traceback" not in process.output
