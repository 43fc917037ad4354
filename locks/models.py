"""Access points, the locks on them, who may open what, and what each lock has been told and has said."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, BigKey, UtcDateTime, partial_index


class AccessPointKind(StrEnum):
    """電子錠・キーボックス."""

    DOOR_LOCK = "door_lock"
    KEY_BOX = "key_box"
    PADLOCK = "padlock"
    GATE = "gate"


class LockState(StrEnum):
    """Life of a lock. Rights travel to it from its first contact on, until it is retiring or dead."""

    PROVISIONED = "provisioned"
    """Its installer has not shown yet that it is on the right door and works; nobody is alarmed about it."""
    ACTIVE = "active"
    RETIRING = "retiring"
    """Being wiped: it is sent a state without rights, and is dead once it has confirmed that."""
    DEAD = "dead"


SERVING = (LockState.PROVISIONED, LockState.ACTIVE)
"""What a lock may be in to be given rights, and to be counted on."""


class Transport(StrEnum):
    """How a lock is reached."""

    MQTT = "mqtt"
    HTTPS = "https"
    VENDOR = "vendor"
    """It keeps plain PINs in a vendor's cloud; `locks/vendors` speaks with that."""


class CodeGroup(Base):
    """Access points that open with one code. Its row lock orders whoever issues grants in it."""

    __tablename__ = "code_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(index=True)
    wrapped_code_root: Mapped[bytes] = mapped_column(sa.LargeBinary)
    code_epoch: Mapped[int] = mapped_column(default=0)
    restores: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the database came back from a backup; each time every future rev rises by 3."""


class CodeGroupLane(Base):
    """A court's lane in a code group. Append-only: a lane is never used again, since it is part of the
    codes.
    """

    __tablename__ = "code_group_lane"
    __table_args__ = (
        sa.UniqueConstraint("code_group_id", "court_ref"),
        sa.CheckConstraint("lane BETWEEN 0 AND 31", name="lane_in_range"),
    )

    code_group_id: Mapped[int] = mapped_column(sa.ForeignKey("code_group.id"), primary_key=True)
    lane: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    court_ref: Mapped[int]
    """A court of `booking`, by its id."""


class AccessPoint(Base):
    """Anything a code opens."""

    __tablename__ = "access_point"

    id: Mapped[int] = mapped_column(primary_key=True)
    municipality_id: Mapped[int] = mapped_column(index=True)
    code_group_id: Mapped[int] = mapped_column(sa.ForeignKey("code_group.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(sa.String(80))


class Lock(Base):
    """The controller on an access point: its secrets, what it should hold, what it last said.

    `desired_version` rises in the transaction that changes a right. `applied_*` move only by a hello that
    proves the version with our own digest, and never back.
    """

    __tablename__ = "lock"
    __table_args__ = (
        partial_index(
            "uq_lock_access_point_id_alive", "access_point_id", where="state <> 'dead'", unique=True
        ),
        partial_index("ix_lock_publish_due", "publish_due_at", where="publish_due_at IS NOT NULL"),
        partial_index("ix_lock_clear_due", "clear_due_at", where="clear_due_at IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    municipality_id: Mapped[int] = mapped_column(index=True)
    access_point_id: Mapped[int] = mapped_column(sa.ForeignKey("access_point.id"), index=True)
    state: Mapped[str] = mapped_column(sa.String(16), default=LockState.PROVISIONED)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    placed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when it belongs on this access point, where it was on another one before: its checklist counts
    from here.
    """
    former_access_point_id: Mapped[int | None]
    """An access point, by its id: where it was before `placed_at`, and where what happened before belongs."""

    transport: Mapped[str] = mapped_column(sa.String(16), default=Transport.MQTT, server_default="mqtt")
    vendor: Mapped[str | None] = mapped_column(sa.String(32))
    """The name of the adapter in `locks/vendors`, where the transport is one."""
    vendor_ref: Mapped[str | None] = mapped_column(sa.String(128))
    """What the vendor calls this lock."""
    vendor_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    vendor_cursor: Mapped[str | None] = mapped_column(sa.String(128))
    """How far the vendor's record of events has been read."""

    clock_right_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a hello first showed its clock set and right, since `placed_at`."""
    commissioned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dead_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dead_why: Mapped[str | None] = mapped_column(sa.String(16))
    """replaced | stolen | decommissioned."""
    clear_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Of a dead lock: when a gateway takes its retained message from the broker; empty once done."""

    wrapped_root: Mapped[bytes] = mapped_column(sa.LargeBinary)
    wrapped_code_root: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    """The code root it was provisioned with, where its code group has another by now; bound to the lock."""
    broker_password_hash: Mapped[str] = mapped_column(sa.String(160))
    mac_epoch: Mapped[int] = mapped_column(default=0)
    next_mac_epoch: Mapped[int | None]
    """Announced to the lock; becomes `mac_epoch` with its first hello under it."""

    desired_version: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    published_version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    """The newest version a broker has taken from us (which proves nothing about the lock)."""
    publish_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a gateway publishes next; while one is at it, the end of its lease, which is also its proof of
    ownership.
    """
    rolled_on: Mapped[date | None] = mapped_column(sa.Date)
    """The civil day whose horizon the newest version has."""

    applied_version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    applied_horizon: Mapped[int] = mapped_column(default=0)
    applied_grants_until: Mapped[int] = mapped_column(default=0)
    """First granule whose grants the applied version does not list."""
    confirmed_code_epoch: Mapped[int | None]

    last_n: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    last_contact_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_sync_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acked_seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    boot: Mapped[int | None] = mapped_column(sa.BigInteger)
    why: Mapped[str | None] = mapped_column(sa.String(16))
    result: Mapped[str | None] = mapped_column(sa.String(16))
    clock_quality: Mapped[str | None] = mapped_column(sa.String(16))
    battery_mv: Mapped[int | None]
    temperature_c: Mapped[int | None]
    rssi_dbm: Mapped[int | None]
    hardware: Mapped[str | None] = mapped_column(sa.String(64))
    firmware: Mapped[str | None] = mapped_column(sa.String(64))
    bolt: Mapped[str | None] = mapped_column(sa.String(16))
    door: Mapped[str | None] = mapped_column(sa.String(16))
    key_state: Mapped[str | None] = mapped_column(sa.String(16))
    operating_mode: Mapped[str | None] = mapped_column(sa.String(16))
    clock_drift_ppm: Mapped[float | None]
    """Of its clock between its last two settings; positive runs fast."""
    extra_contact_on: Mapped[date | None] = mapped_column(sa.Date)
    """The civil day for which it was last asked to speak before the first reservation."""


class LockCommand(Base):
    """Something to do once, sent within the lock's next contact (protocol 4); its outcome."""

    __tablename__ = "lock_command"
    __table_args__ = (partial_index("ix_lock_command_waiting", "lock_id", where="sent_at IS NULL"),)

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"))
    kind: Mapped[str] = mapped_column(sa.String(16))
    args: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    ordered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[str | None] = mapped_column(sa.String(32))
    result_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LockBatteryDay(Base):
    """The lowest that a lock's battery was on one civil day; what forecasts its empty day."""

    __tablename__ = "lock_battery_day"

    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"), primary_key=True)
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    lowest_mv: Mapped[int]
    lowest_temperature_c: Mapped[int | None]


class DesiredVersion(Base):
    """What a version said, octet for octet as signed and sent. Kept from the applied version on."""

    __tablename__ = "desired_version"

    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"), primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    payload: Mapped[bytes] = mapped_column(sa.LargeBinary)
    digest: Mapped[str] = mapped_column(sa.String(64))
    horizon: Mapped[int]
    grants_until: Mapped[int]
    built_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LockOffer(Base):
    """What the applied version and every later one list as sellable, so that selling asks one row.

    `starts`: {granule: {lane: mask}}, bit i of the mask = length i. `floors`: {granule: {lane: floor}} of
    the applied version. Keys are decimal text, as JSON wants them. `horizon` is the highest of those
    versions'.
    """

    __tablename__ = "lock_offer"

    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"), primary_key=True)
    horizon: Mapped[int]
    starts: Mapped[dict[str, dict[str, int]]] = mapped_column(sa.JSON)
    floors: Mapped[dict[str, dict[str, int]]] = mapped_column(sa.JSON)


class Grant(Base):
    """利用許可(鍵): the right to open one access point in one window; the digits are computed, never stored.

    (lane, granule, rev) is the same on all access points of a code group that a holder's window opens, and
    used once.
    """

    __tablename__ = "access_grant"
    __table_args__ = (
        sa.UniqueConstraint("access_point_id", "granule", "lane", "rev"),
        sa.Index("ix_access_grant_code_group_granule", "code_group_id", "granule"),
        sa.CheckConstraint("length BETWEEN 1 AND 48", name="length_in_range"),
        sa.CheckConstraint("lane BETWEEN 0 AND 31", name="lane_in_range"),
        sa.CheckConstraint("rev BETWEEN 0 AND 255", name="rev_in_range"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    code_group_id: Mapped[int] = mapped_column(sa.ForeignKey("code_group.id"))
    access_point_id: Mapped[int] = mapped_column(sa.ForeignKey("access_point.id"))
    holder: Mapped[UUID] = mapped_column(index=True)
    """Opaque; booking's reservation."""
    granule: Mapped[int]
    length: Mapped[int]
    lane: Mapped[int]
    rev: Mapped[int]
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    restores: Mapped[int] = mapped_column(default=0, server_default="0")
    """The code group's, when it was issued."""
    lock_id: Mapped[str | None] = mapped_column(sa.ForeignKey("lock.id"))
    """The lock whose versions `granted_version` and `withdrawn_version` count; empty while there is none."""
    granted_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_version: Mapped[int | None] = mapped_column(sa.BigInteger)


class LockEvent(Base):
    """What a lock says happened, once per `seq`. Never a code, a failed code or a name."""

    __tablename__ = "lock_event"
    __table_args__ = (sa.Index("ix_lock_event_access_point_at", "access_point_id", "at"),)

    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    access_point_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """By the lock's clock."""
    clock_quality: Mapped[str] = mapped_column(sa.String(16))
    kind: Mapped[str] = mapped_column(sa.String(32))
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    holder: Mapped[UUID | None]
    """Whose grant the credential names, where we issued it."""
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventLoss(Base):
    """A range of a lock's log that is gone for good."""

    __tablename__ = "lock_event_loss"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    lock_id: Mapped[str] = mapped_column(sa.ForeignKey("lock.id"), index=True)
    first_seq: Mapped[int] = mapped_column(sa.BigInteger)
    last_seq: Mapped[int] = mapped_column(sa.BigInteger)
    noticed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class QuarantinedMessage(Base):
    """A message that failed verification, for staff; it changed nothing. The newest few of each sender are
    kept.
    """

    __tablename__ = "quarantined_message"
    __table_args__ = (sa.Index("ix_quarantined_message_claimed_lock", "claimed_lock", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    claimed_lock: Mapped[str] = mapped_column(sa.String(16))
    """By the topic or the address; empty where no living lock has that name."""
    why: Mapped[str] = mapped_column(sa.String(24))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    size: Mapped[int]
    head: Mapped[bytes] = mapped_column(sa.LargeBinary)
    """Its first octets."""
