"""One mail to everybody who has a place at a facility on a day: the heating is broken, shoes go elsewhere."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices.mail import KIND, owe_mail
from booking.people.models import Account
from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.places.models import Offering, Space
from booking.reservations.models import Reservation, State
from core.audit import record
from core.clock import start_of_day
from core.errors import BadInput, Refused
from core.owed import Owed

MAX_SUBJECT = 60
MAX_BODY = 2000


class NobodyThere(Refused):
    """There is nobody to write to."""

    code = "no_recipients"
    sentence = "この日に、この施設を予約している人はいません。"


_LIVE = (State.REQUESTED, State.HELD, State.CONFIRMED, State.USED)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Whom a mail would reach."""

    mail_addresses: tuple[str, ...]
    """Each once, ascending."""
    reservations: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mail has got: addresses by outcome."""

    sent: int
    waiting: int
    parked: int
    """Given up after many tries; a person should look."""

    @property
    def total(self) -> int:
        """All addresses it goes to."""
        return self.sent + self.waiting + self.parked


def recipients_of(session: Session, *, actor: Actor, facility_id: int, day: date) -> Recipients:
    """The accounts whose live reservations of a facility begin on a day.

    Raises:
        NotThere: not a facility of the actor's municipality.
    """
    _facility_name(session, actor, facility_id, day)
    midnight = start_of_day(day)
    rows = session.execute(
        sa.select(Account.mail_address, sa.func.count())
        .join(Reservation, Reservation.account_id == Account.id)
        .join(Offering, Offering.id == Reservation.offering_id)
        .join(Space, Space.id == Offering.space_id)
        .where(
            Reservation.municipality_id == actor.municipality_id,
            Reservation.starts_at >= midnight,
            Reservation.starts_at < midnight + timedelta(days=1),
            Reservation.state.in_(_LIVE),
            Space.facility_id == facility_id,
            Account.disabled_at.is_(None),
        )
        .group_by(Account.mail_address)
        .order_by(Account.mail_address)
    ).all()
    return Recipients(tuple(address for address, _ in rows), sum(count for _, count in rows))


def to_users_of(
    session: Session, *, actor: Actor, facility_id: int, day: date, subject: str, body: str, now: datetime
) -> int:
    """Owe the mail to each address once; how many addresses it goes to.

    The same words for the same facility and day are the same mail: sent twice, they reach only those who have
    booked in between.

    Raises:
        BadInput: subject or body is empty or too long, or the subject has more than one line.
        NotThere: not a facility of the actor's municipality.
        NobodyThere: nobody has a place there on that day.
    """
    subject, body = require_text(subject, body)
    facility = _facility_name(session, actor, facility_id, day)
    found = recipients_of(session, actor=actor, facility_id=facility_id, day=day)
    if not found.mail_addresses:
        raise NobodyThere(f"facility {facility_id} on {day}")
    batch = batch_of(facility_id, day, subject, body)
    for address in found.mail_addresses:
        owe_mail(
            session,
            municipality_id=actor.municipality_id,
            to=address,
            template="bulk",
            params={"subject": subject, "body": body, "facility": facility, "day": day},
            key=f"bulk:{batch}:{hashlib.sha256(address.encode()).hexdigest()[:32]}",
            now=now,
        )
    record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act="bulk_mail",
        subject=f"facility {facility_id}",
        detail={"day": day.isoformat(), "batch": batch, "addresses": len(found.mail_addresses)},
        now=now,
    )
    return len(found.mail_addresses)


def progress_of(session: Session, *, actor: Actor, batch: str) -> Progress:
    """How far a mail has got, by the name `batch_of` gives it; all zero where there is none."""
    sent, parked, total = session.execute(
        sa.select(
            sa.func.count(Owed.done_at),
            sa.func.count(Owed.parked_at),
            sa.func.count(),
        ).where(
            Owed.municipality_id == actor.municipality_id,
            Owed.kind == KIND,
            Owed.key.startswith(f"bulk:{batch}:", autoescape=True),
        )
    ).one()
    return Progress(sent=sent, waiting=total - sent - parked, parked=parked)


def batch_of(facility_id: int, day: date, subject: str, body: str) -> str:
    """The name of one mail: the same words to the same people have the same."""
    whole = "\n".join((str(facility_id), day.isoformat(), subject, body))
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


def require_text(subject: str, body: str) -> tuple[str, str]:
    """Subject and body as they will be sent: trimmed, lines ended by one line feed.

    Raises:
        BadInput: empty, too long, or a subject with more than one line.
    """
    subject = subject.strip()
    body = body.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not subject:
        raise BadInput("subject", sentence="件名を入力してください。")
    if not body:
        raise BadInput("body", sentence="本文を入力してください。")
    if len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise BadInput("subject", sentence=f"件名は1行、{MAX_SUBJECT}字までで入力してください。")
    if len(body) > MAX_BODY:
        raise BadInput("body", sentence=f"本文は{MAX_BODY}字までで入力してください。")
    return subject, body


def _facility_name(session: Session, actor: Actor, facility_id: int, day: date) -> str:
    places = catalogue(session, actor.municipality_id, version=actor.catalogue_version)
    return places.facility_name(facility_id, on=day)
