"""Sends the mails we owe: take rows, render, hand over with no transaction open, write down the outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from booking.notices.about import About, Office, about_reservations, offices_of
from booking.notices.mail import KIND
from booking.notices.smtp import SmtpTransport, Transport
from booking.notices.texts import write
from core.clock import TOKYO, Clock
from core.database import Database, retrying
from core.errors import KaihoError, RejectedOutside
from core.owed import Taken, mark_done, mark_failed, take_due
from core.settings import Settings

BATCH = 20
BUDGET_S = 60.0
"""A batch stops here, well inside the rows' lease; what is left is taken again when the lease ends."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mailer:
    """How mails leave, who they are from, and where their links lead."""

    transport: Transport
    mail_from: str
    base_url: str

    @classmethod
    def of(cls, settings: Settings) -> "Mailer":
        """The mailer that the settings name."""
        return cls(SmtpTransport.of(settings), settings.mail_from, settings.base_url.rstrip("/"))


@dataclass(frozen=True, slots=True)
class _Facts:
    abouts: dict[UUID, About]
    offices: dict[int, Office]


def send_due(database: Database, mailer: Mailer, clock: Clock, *, limit: int = BATCH) -> int:
    """Send up to `limit` mails that are due; how many the mail server took.

    A mail that fails is tried again later and parked in the end; the others do not wait for it. A crash
    between the server's yes and our note sends that one mail again, under the same Message-ID.
    """
    began = clock.monotonic()
    with database.transaction() as session:
        rows = take_due(session, KIND, limit=limit, now=clock.now())
    if not rows:
        return 0
    with database.reading() as session:
        facts = _Facts(
            about_reservations(session, [id_ for row in rows if (id_ := _reservation_id(row))]),
            offices_of(session, {row.payload["municipality_id"] for row in rows}),
        )
    sent = 0
    try:
        for row in rows:
            if clock.monotonic() - began > BUDGET_S:
                break
            sent += _send_one(database, mailer, clock, row, facts)
    finally:
        mailer.transport.close()
    return sent


def _send_one(database: Database, mailer: Mailer, clock: Clock, row: Taken, facts: _Facts) -> bool:
    try:
        mailer.transport.send(_message(mailer, row, facts, clock.now()))
    except Exception as error:
        # Raised, it would leave the rest of the batch unsent, each time. A foreign text may hold an address.
        reason = str(error) if isinstance(error, KaihoError) else type(error).__name__
        log.warning("mail_failed", owed_id=str(row.id), template=row.payload["template"], reason=reason)
        _note(database, lambda session: mark_failed(session, row, reason, now=clock.now()))
        return False
    _note(database, lambda session: mark_done(session, row, now=clock.now()))
    log.info("mail_sent", owed_id=str(row.id), template=row.payload["template"])
    return True


def _note(database: Database, write_down: Callable[[Session], None]) -> None:
    def attempt() -> None:
        with database.transaction() as session:
            write_down(session)

    retrying(attempt)


def _message(mailer: Mailer, row: Taken, facts: _Facts, now: datetime) -> EmailMessage:
    reservation_id = _reservation_id(row)
    about = facts.abouts.get(reservation_id) if reservation_id else None
    if reservation_id and about is None:
        raise RejectedOutside("the mail's reservation does not exist")
    office = facts.offices[row.payload["municipality_id"]]
    letter = write(
        row.payload["template"],
        params=row.payload["params"],
        about=about,
        office=office,
        base_url=mailer.base_url,
    )
    message = EmailMessage(policy=SMTP)
    message["Subject"] = letter.subject
    message["From"] = Address(display_name=f"{office.name} 学校施設予約", addr_spec=mailer.mail_from)
    message["To"] = Address(addr_spec=row.payload["to"] or (about.to if about else ""))
    message["Date"] = format_datetime(now.astimezone(TOKYO))
    # There is one row per key, so a repeat after a crash carries the same id and can be dropped.
    message["Message-ID"] = f"<{row.id}@{mailer.mail_from.rpartition('@')[2]}>"
    # RFC 3834: no holiday notice answers this.
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "ja"
    # Base64 passes through servers without 8BITMIME.
    message.set_content(letter.body, cte="base64")
    return message


def _reservation_id(row: Taken) -> UUID | None:
    written = row.payload["params"].get("reservation_id")
    return UUID(written) if written else None
