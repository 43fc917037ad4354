"""Ten digits of a staff or emergency right at one code group: drawn, kept wrapped, withdrawn."""

import base64
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

from core.database import insert_into
from core.errors import Unavailable
from core.ids import random_bytes, random_digits
from core.secrets import Keyring
from locks.codes import is_weak
from locks.models import AccessPoint, CodeGroup, Lock
from locks.staff.models import StaffCode, StaffKind
from locks.versions import bump

DIGITS = 10
_TRIES = 20
_PREFIX = {StaffKind.STAFF: "s-", StaffKind.EMERGENCY: "e-"}


def lock_groups(session: Session, code_group_ids: Sequence[int]) -> list[CodeGroup]:
    """Hold the rows of these code groups, in the order of their ids: who changes a group's codes does that
    before anything else.
    """
    return list(
        session.scalars(
            sa.select(CodeGroup)
            .where(CodeGroup.id.in_(sorted(set(code_group_ids))))
            .order_by(CodeGroup.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def issue(
    session: Session,
    keyring: Keyring,
    *,
    staff_right_id: int,
    kind: StaffKind,
    code_group_id: int,
    now: datetime,
    draw: Callable[[], str] = lambda: random_digits(DIGITS),
) -> str:
    """The gid of a new code of a right at a code group; drawn again while it is weak or ever was somebody's.

    The caller holds the group's row, and bumps its locks.

    Raises:
        Unavailable: twenty draws in a row were taken, which only a broken source of randomness does.
    """
    for _ in range(_TRIES):
        code = draw()
        if is_weak(code):
            continue
        # Letters mostly: nothing that a redaction list could take for a code.
        gid = _PREFIX[kind] + base64.b32encode(random_bytes(10)).decode().lower()
        row = {
            "gid": gid,
            "staff_right_id": staff_right_id,
            "code_group_id": code_group_id,
            "wrapped_code": keyring.wrap(code.encode(), bound_to=_binding(gid)),
            "code_digest": code_digest(keyring, code),
            "issued_at": now,
        }
        statement = (
            insert_into(session, StaffCode).values(row).on_conflict_do_nothing().returning(StaffCode.gid)
        )
        if session.scalar(statement) is not None:
            return gid
    raise Unavailable("no code could be drawn")


def digits_of(keyring: Keyring, code: StaffCode) -> str:
    """The ten digits."""
    return keyring.unwrap(code.wrapped_code, bound_to=_binding(code.gid)).decode()


def code_digest(keyring: Keyring, code: str) -> bytes:
    """What makes a code unique without telling it: keyed, since ten digits are soon tried through."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kaiho/staff-code-digest")
    return hmac.digest(key.derive(keyring.master_key), code.encode(), "sha256")


def withdraw(session: Session, codes: Sequence[StaffCode], *, why: str, now: datetime) -> None:
    """Take codes back; they are gone from every lock with the version that the caller's bump makes."""
    for code in codes:
        code.withdrawn_at, code.withdrawn_why = now, why
    session.flush()


def bump_groups(session: Session, code_group_ids: Sequence[int], *, now: datetime) -> None:
    """Give every living lock of these code groups a new version."""
    points = sa.select(AccessPoint.id).where(AccessPoint.code_group_id.in_(sorted(set(code_group_ids))))
    bump(session, Lock.access_point_id.in_(points), now=now)


def _binding(gid: str) -> str:
    return f"staff_code/{gid}"
