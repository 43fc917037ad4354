"""The loop that makes the vendors' clouds hold what the grants say: claimed rows, errands, outcomes.

Worker jobs. Killed anywhere, a row's lease runs out and the errand is made again; every errand may be.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, require_no_transaction, retrying
from core.errors import RejectedOutside, Unavailable
from core.secrets import Keyring
from locks.callbacks import Callbacks
from locks.vendors import pins, watching
from locks.vendors.models import PinState
from locks.vendors.pins import Errand
from locks.vendors.port import PinStanding, VendorCloud, VendorEvent, VendorStatus
from locks.vendors.watching import Look, Overtaken

log = structlog.get_logger()
T = TypeVar("T")
_BATCH = 25


class VendorLoop:
    """One worker's hands at all vendors that the settings name."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        callbacks: Callbacks,
        clouds: Mapping[str, VendorCloud],
        clock: Clock,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._callbacks = callbacks
        self._clouds = clouds
        self._clock = clock

    def reconcile(self) -> int:
        """Run the errands that are due; how many."""
        self._write(lambda session: pins.plan(session, now=self._clock.now()))
        errands = self._write(
            lambda session: pins.claim(session, self._keyring, limit=_BATCH, now=self._clock.now())
        )
        by_lock: dict[str, list[Errand]] = defaultdict(list)
        for errand in errands:
            by_lock[errand.lock_id].append(errand)
        for mine in by_lock.values():
            self._at_lock(mine)
        return len(errands)

    def watch(self) -> int:
        """Ask how the locks are that are due to be asked, and what happened at them; how many."""
        due = self._write(lambda session: watching.claim(session, limit=_BATCH, now=self._clock.now()))
        for look in due:
            cloud = self._clouds.get(look.vendor)
            if cloud is None:
                continue
            require_no_transaction("a vendor")
            try:
                status = cloud.status(lock_ref=look.lock_ref)
                events, cursor = cloud.events(lock_ref=look.lock_ref, after=look.cursor)
            except (Unavailable, RejectedOutside) as error:
                # Asked again after the lease; a lock that stays silent becomes late and lost by itself.
                log.warning("vendor_not_heard", vendor=look.vendor, lock=look.lock_id, error=error.code)
                continue
            self._note(look, status, events, cursor)
        return len(due)

    def _note(
        self, look: Look, status: VendorStatus, events: Sequence[VendorEvent], cursor: str | None
    ) -> None:
        with suppress(Overtaken):
            self._write(
                lambda session: watching.note(
                    session, self._callbacks, look, status, events, cursor, now=self._clock.now()
                )
            )

    def _at_lock(self, errands: Sequence[Errand]) -> None:
        cloud = self._clouds.get(errands[0].vendor)
        asked: dict[str, Errand] = {}
        for errand in errands:
            if cloud is None:
                self._refused(errand, "no_such_vendor")
            elif errand.state == PinState.WANTED:
                self._put(cloud, errand)
            elif errand.state == PinState.REVOKING:
                pin_ref = self._taken_back(cloud, errand)
                if pin_ref is not None:
                    asked[pin_ref] = errand
            elif errand.pin_ref is not None:
                asked[errand.pin_ref] = errand
        if asked and cloud is not None:
            self._ask(cloud, asked)

    def _put(self, cloud: VendorCloud, errand: Errand) -> None:
        pin_ref = self._call(errand, lambda: cloud.put(errand.order))
        if pin_ref is not None:
            self._write(lambda session: pins.was_put(session, errand, pin_ref, now=self._clock.now()))

    def _taken_back(self, cloud: VendorCloud, errand: Errand) -> str | None:
        """What the PIN is called while the lock may still hold it."""
        nothing = object()
        pin_ref = self._call(
            errand,
            lambda: (
                cloud.take_back(lock_ref=errand.order.lock_ref, key=errand.order.key, pin_ref=errand.pin_ref)
                or nothing
            ),
        )
        if pin_ref is nothing:
            self._told(errand, PinStanding.ABSENT)
            return None
        return pin_ref if isinstance(pin_ref, str) else None

    def _ask(self, cloud: VendorCloud, asked: Mapping[str, Errand]) -> None:
        first = next(iter(asked.values()))
        require_no_transaction("a vendor")
        try:
            found = cloud.standings(lock_ref=first.order.lock_ref, pin_refs=list(asked))
        except (Unavailable, RejectedOutside) as error:
            for errand in asked.values():
                self._failed(errand, error)
            return
        for pin_ref, errand in asked.items():
            self._told(errand, found.get(pin_ref, PinStanding.ABSENT))

    def _call(self, errand: Errand, call: Callable[[], T]) -> T | None:
        require_no_transaction("a vendor")
        try:
            return call()
        except (Unavailable, RejectedOutside) as error:
            self._failed(errand, error)
            return None

    def _failed(self, errand: Errand, error: Unavailable | RejectedOutside) -> None:
        log.warning("vendor_errand_failed", vendor=errand.vendor, lock=errand.lock_id, error=error.code)
        if isinstance(error, RejectedOutside):
            self._refused(errand, error.code)
        else:
            self._write(lambda session: pins.is_away(session, errand, now=self._clock.now()))

    def _refused(self, errand: Errand, why: str) -> None:
        self._write(
            lambda session: pins.was_refused(session, self._callbacks, errand, why, now=self._clock.now())
        )

    def _told(self, errand: Errand, standing: PinStanding) -> None:
        self._write(
            lambda session: pins.was_told(session, self._callbacks, errand, standing, now=self._clock.now())
        )

    def _write(self, step: Callable[[Session], T]) -> T:
        def once() -> T:
            with self._database.transaction() as session:
                return step(session)

        return retrying(once)
