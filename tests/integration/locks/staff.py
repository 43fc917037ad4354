"""Staff rights at the school, shortly; and a lock whose battery can be taken out."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import sqlalchemy as sa

from core.ids import new_id
from firmware_sim.core import effects, stimuli
from firmware_sim.core.state import factory_state
from locks.installation import Installation, add_lock
from locks.staff import rights
from locks.staff.codes import digits_of
from locks.staff.models import StaffCode, StaffKind, StaffRight
from tests.integration.locks.conftest import TOWN, School
from tests.integration.locks.core_lock import CoreLock

MANAGER = "manager"


class BatteryLock(CoreLock):
    """Keeps what it wrote to flash; its clock stands still without a battery."""

    flash: bytes | None = None

    def __init__(self, school: School, fitted: Installation) -> None:
        self.fitted = fitted
        super().__init__(school, fitted)

    def lose_power(self) -> None:
        """The battery is changed: RAM is gone, and so is the time."""
        self._offset_ms, self._bolt = None, "locked"
        self.state = factory_state(self.fitted.lock, self.fitted.root, self.fitted.code_root)
        entropy = sha256(b"again").digest()
        self._feed(stimuli.PowerUp(self.flash, entropy, False, "locked", "none", "none", 6000))
        self._settle()

    @property
    def bolt(self) -> str:
        return self._bolt

    def sleep(self, span: timedelta) -> None:
        """Let time pass; what the lock has planned meanwhile happens."""
        end = self._mono + span.total_seconds()
        while self._wake_at is not None and self._wake_at <= end:
            self._pass(timedelta(seconds=max(0.0, self._wake_at - self._mono) + 0.01))
            self._feed(stimuli.Tick())
        self._pass(timedelta(seconds=max(0.0, end - self._mono)))

    def _perform(self, effect: effects.Effect) -> None:
        if isinstance(effect, effects.FlashWrite):
            self.flash = effect.image
        super()._perform(effect)

    def _now(self) -> stimuli.Now:
        if self._offset_ms is None:
            return stimuli.Now(self._mono, 946684800000 + int(self._mono * 1000))
        return super()._now()


def fit(school: School, access_point_id: int | None = None) -> BatteryLock:
    """A lock on the gym, or on another access point, after its first contact."""
    with school.database.transaction() as session:
        made = add_lock(
            session, school.keyring, access_point_id=access_point_id or school.gym, now=school.now
        )
    return BatteryLock(school, made)


def give(
    school: School,
    *,
    points: list[int] | None = None,
    person: UUID | None = None,
    begins_in: timedelta = timedelta(0),
    lasts_for: timedelta = timedelta(days=10),
    actor: str = MANAGER,
    label: str = "夜間の管理人",
) -> int:
    """A right at the gym from now on."""
    with school.database.transaction() as session:
        return rights.give(
            session,
            school.keyring,
            municipality_id=TOWN,
            access_point_ids=points or [school.gym],
            person=person or new_id(school.now),
            label=label,
            not_before=school.now + begins_in,
            not_after=school.now + begins_in + lasts_for,
            actor=actor,
            now=school.now,
        )


def end(school: School, right_id: int) -> None:
    with school.database.transaction() as session:
        rights.end(session, municipality_id=TOWN, staff_right_id=right_id, actor=MANAGER, now=school.now)


def living(school: School, kind: StaffKind) -> list[StaffCode]:
    """The codes of a kind that nobody has withdrawn, by code group."""
    with school.database.reading() as session:
        return list(
            session.scalars(
                sa.select(StaffCode)
                .join(StaffRight, StaffRight.id == StaffCode.staff_right_id)
                .where(StaffRight.kind == kind, StaffCode.withdrawn_at.is_(None))
                .order_by(StaffCode.code_group_id, StaffCode.gid)
            )
        )


def digits(school: School, kind: StaffKind) -> str:
    """The digits of the one living code of a kind."""
    (code,) = living(school, kind)
    return digits_of(school.keyring, code)
