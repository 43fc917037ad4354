"""After the database came back from a backup: what it does not know must not be sold a second time."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.audit import AuditEntry
from core.errors import BadInput
from locks.models import CodeGroup, Lock, LockState
from locks.versions import bump

_ACT = "locks.after_restore"


def after_restore(
    session: Session, *, restore_id: str, times: int = 1, actor: str, now: datetime
) -> dict[int, int]:
    """Raise every future rev by 3 and give every lock a new version; {municipality: code groups}. Empty where
    it was done for this `restore_id` before.

    Codes sold before the backup keep working. Those sold after it work until their lock's next contact, and
    nobody is given one of them again. A lock ahead of us gets a version above its own at its next hello. Each
    lock's next MAC epoch is announced too, so that one which has changed to it since is understood.

    `times`: how many restores this counts for: 2 where the same backup was restored once before, since the
    backup does not know that.

    Raises:
        BadInput: an id that is empty or longer than 64 characters, or no times at all.

    Source: lock-protocol.md 5, last point; reliability.md F41.
    """
    if not 0 < len(restore_id) <= 64 or not 1 <= times <= 20:
        raise BadInput("restore", sentence="復元の名前は1〜64文字、回数は1〜20で指定してください。")
    # Whoever issues grants holds these rows, in this order.
    groups = session.scalars(sa.select(CodeGroup).order_by(CodeGroup.id).with_for_update()).all()
    is_done = session.scalar(
        sa.select(sa.exists().where(AuditEntry.act == _ACT, AuditEntry.subject == restore_id))
    )
    if is_done:
        return {}
    raised: dict[int, int] = {}
    for group in groups:
        group.restores += times
        raised[group.municipality_id] = raised.get(group.municipality_id, 0) + 1
    session.flush()
    bump(session, sa.true(), now=now)
    session.execute(
        sa.update(Lock)
        .where(Lock.state != LockState.DEAD, Lock.next_mac_epoch.is_(None))
        .values(next_mac_epoch=Lock.mac_epoch + 1)
        .execution_options(synchronize_session=False)
    )
    for municipality_id, many in sorted(raised.items()):
        audit.record(
            session,
            municipality_id=municipality_id,
            actor=actor,
            act=_ACT,
            subject=restore_id,
            detail={"code_groups": many, "times": times},
            now=now,
        )
    return raised
