"""`kaiho worker`: APScheduler as the clock, one leader that ticks, jobs that each claim their rows.

A second worker is harmless: the lease only spares the work, rows decide who does what. A job that fails is
logged and counted and comes round again; none of them keeps anything that a crash could lose.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import Counter, Histogram

from booking.app import certificates
from booking.app.installing import BrokerUsers
from booking.app.services import NotSetUp, Services
from booking.counter import monthly
from booking.fees import late_relief
from booking.fees.relief_models import ReliefApplication
from booking.money_desk import nightly
from booking.notices import case_mails, lock_alarms, sender
from booking.notices.sender import Mailer
from booking.refunding import by_hand, reviews
from booking.reservations import deadlines, missing_rights
from core.clock import SystemClock
from core.database import retrying
from core.ids import new_token
from core.lease import drop_lease, take_lease
from core.settings import vendor_accounts
from locks import desired_state
from locks.alarms.sweep import sweep
from locks.modes import orders
from locks.staff import emergency
from locks.vendors.reconcile import VendorLoop
from locks.vendors.registry import clouds_of
from payments import counter, loops, settlement

_LEASE = "worker"
LEASE_FOR = timedelta(seconds=15)
RENEWED_EVERY_S = 5.0
_BATCH = 100

log = structlog.get_logger()
_touched = Counter("kaiho_worker_rows_total", "Rows a job has moved on", ["job"])
_failed = Counter("kaiho_worker_failures_total", "Runs of a job that ended in an error", ["job"])
_took = Histogram("kaiho_worker_run_seconds", "Length of a job's run", ["job"])

Job = Callable[[], int]


class Worker:
    """Runs the jobs while it holds the lease, which it asks for every `renewed_every_s` seconds."""

    def __init__(
        self, services: Services, mailer: Mailer, *, renewed_every_s: float = RENEWED_EVERY_S
    ) -> None:
        self._services = services
        self._mailer = mailer
        self._broker_users = BrokerUsers(services)
        self._renewed_every_s = renewed_every_s
        self._holder = new_token()[:16]
        self._is_leader = threading.Event()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._vendors = VendorLoop(
            services.database,
            services.keyring,
            services.lock_callbacks,
            clouds_of(vendor_accounts(services.settings)),
            services.clock,
        )

    def jobs(self) -> dict[str, tuple[float, Job]]:
        """Every job with the seconds between its runs."""
        given = self._services
        outside = (given.database, given.stripe, given.payment_callbacks, given.clock)
        return {
            "deadlines": (1, self._deadlines),
            "refund_reviews": (10, self._refund_reviews),
            "expire_sessions": (1, lambda: loops.expire_sessions(*outside)),
            "settle": (1, lambda: loops.settle(*outside)),
            "send_refunds": (1, lambda: loops.send_refunds(*outside)),
            "poll_refunds": (5, lambda: loops.poll_refunds(*outside)),
            "dispute_listing": (600, self._dispute_listing),
            "disputes": (10, lambda: loops.follow_disputes(given.database, given.stripe, given.clock)),
            "parked_messages": (10, self._parked_messages),
            "old_messages": (600, lambda: loops.forget_messages(given.database, given.clock)),
            "money_cases": (60, lambda: loops.list_cases(given.database, given.clock)),
            "money_case_mails": (60, self._money_case_mails),
            "slips": (60, lambda: counter.expire_slips(given.database, given.payment_callbacks, given.clock)),
            "invoices": (600, lambda: monthly.run(given.database, given.clock)),
            "settlement": (3600, self._settlement),
            "nightly_audit": (600, self._nightly_audit),
            "mail": (1, lambda: sender.send_due(given.database, self._mailer, given.clock)),
            "horizons": (600, self._horizons),
            "missing_rights": (60, self._missing_rights),
            "broker_users": (5, self._broker_users.follow),
            "broker_certificates": (3600, lambda: certificates.warn(given.settings, now=given.clock.now())),
            "relief": (60, self._relief),
            "lock_alarms": (60, self._lock_alarms),
            "lock_alarm_mails": (30, self._lock_alarm_mails),
            "emergency_codes": (60, self._emergency_codes),
            "modes": (5, self._modes),
            "vendor_pins": (5, self._vendors.reconcile),
            "vendor_watch": (30, self._vendors.watch),
        }

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop` is set; running jobs are waited for: our own hand cuts nothing off."""
        for name, (every_s, job) in self.jobs().items():
            self._scheduler.add_job(
                self._run,
                "interval",
                (name, job),
                seconds=every_s,
                id=name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
                # The scheduler reads the machine's clock, whatever clock the jobs are given.
                next_run_time=SystemClock().now(),
            )
        self._lead()
        self._scheduler.start()
        log.info("worker_started")
        while not stop.wait(self._renewed_every_s):
            self._lead()
        self._scheduler.shutdown(wait=True)
        self._resign()
        log.info("worker_stopped")

    def _lead(self) -> None:
        try:
            with self._services.database.transaction() as session:
                leads = take_lease(
                    session, _LEASE, holder=self._holder, lasts_for=LEASE_FOR, now=self._services.clock.now()
                )
        except Exception as error:
            log.error("lease_failed", error=type(error).__name__)
            leads = False
        if leads:
            self._is_leader.set()
        else:
            self._is_leader.clear()

    def _resign(self) -> None:
        try:
            with self._services.database.transaction() as session:
                drop_lease(session, _LEASE, holder=self._holder)
        except Exception as error:
            # The database is away: the lease runs out by itself.
            log.error("lease_failed", error=type(error).__name__)

    def _run(self, name: str, job: Job) -> None:
        if not self._is_leader.is_set():
            return
        try:
            with _took.labels(name).time():
                _touched.labels(name).inc(job())
        except Exception as error:
            # The rows are still due, so the next run is the cure; a person must see it, hence count and log.
            _failed.labels(name).inc()
            log.error("job_failed", job=name, error=type(error).__name__, exc_info=True)

    def _dispute_listing(self) -> int:
        given = self._services
        return loops.find_disputes(given.database, given.stripe, given.clock, lambda: given.municipality_id)

    def _parked_messages(self) -> int:
        given = self._services
        return loops.follow_parked(given.database, given.stripe, given.clock, lambda: given.municipality_id)

    def _deadlines(self) -> int:
        def once() -> int:
            with self._services.database.transaction() as session:
                return deadlines.expire_due(session, now=self._services.clock.now(), limit=_BATCH)

        return retrying(once)

    def _refund_reviews(self) -> int:
        def once() -> int:
            with self._services.database.transaction() as session:
                now = self._services.clock.now()
                looked = reviews.look_due(session, now=now, limit=_BATCH)
                return looked + by_hand.list_overdue(session, now=now, limit=_BATCH)

        return retrying(once)

    def _horizons(self) -> int:
        def once() -> int:
            with self._services.database.transaction() as session:
                return desired_state.roll_horizons(session, now=self._services.clock.now())

        return retrying(once)

    def _missing_rights(self) -> int:
        given = self._services
        with given.database.reading() as session:
            found = missing_rights.missing(session, now=given.clock.now(), limit=_BATCH)

        def once(reservation_id: UUID) -> int:
            with given.database.transaction() as session:
                return missing_rights.complete(session, reservation_id, now=given.clock.now())

        return sum(retrying(partial(once, one)) for one in found)

    def _relief(self) -> int:
        given = self._services

        def overdue() -> int:
            with given.database.transaction() as session:
                return late_relief.open_overdue(session, now=given.clock.now(), limit=_BATCH)

        def once(application_id: UUID) -> int:
            with given.database.transaction() as session:
                application = session.get_one(ReliefApplication, application_id)
                return late_relief.catch_up(session, application, now=given.clock.now())

        with given.database.reading() as session:
            granted = late_relief.recent_grants(session, now=given.clock.now())
        return retrying(overdue) + sum(retrying(partial(once, one)) for one in granted)

    def _settlement(self) -> int:
        given, town = self._services, self._town_or_none()
        if town is None:
            return 0
        return settlement.settle(given.database, given.stripe, given.clock, municipality_id=town).movements

    def _nightly_audit(self) -> int:
        given, town = self._services, self._town_or_none()
        if town is None:
            return 0
        with given.database.reading() as session:
            if not nightly.is_due(session, municipality_id=town, now=given.clock.now()):
                return 0
        return nightly.run_night(given.database, given.clock, municipality_id=town).total

    def _town_or_none(self) -> int | None:
        """The municipality; None as long as nobody has put it into the database."""
        try:
            return self._services.municipality_id
        except NotSetUp:
            return None

    def _lock_alarms(self) -> int:
        given = self._services

        def once() -> int:
            with given.database.transaction() as session:
                return sweep(session, given.lock_callbacks, now=given.clock.now(), limit=_BATCH)

        return retrying(once)

    def _lock_alarm_mails(self) -> int:
        def once() -> int:
            with self._services.database.transaction() as session:
                return lock_alarms.tell_due(session, now=self._services.clock.now())

        return retrying(once)

    def _money_case_mails(self) -> int:
        def once() -> int:
            with self._services.database.transaction() as session:
                return case_mails.tell_due(session, now=self._services.clock.now())

        return retrying(once)

    def _emergency_codes(self) -> int:
        given = self._services

        def once() -> int:
            with given.database.transaction() as session:
                return emergency.ensure_all(session, given.keyring, now=given.clock.now())

        return retrying(once)

    def _modes(self) -> int:
        def once() -> int:
            with self._services.database.transaction() as session:
                return orders.end_due(session, now=self._services.clock.now())

        return retrying(once)
