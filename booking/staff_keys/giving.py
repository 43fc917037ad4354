"""What a manager writes to give somebody a staff code, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from booking.people.models import Account
from booking.places.closure_form import instant_of
from core.errors import BadInput

FIELDS = ("mail_address", "label", "scope", "first_day", "first_time", "last_day", "last_time")


@dataclass(frozen=True, slots=True)
class GivingForm:
    """A right as wanted."""

    mail_address: str
    label: str
    facility_ids: tuple[int, ...]
    not_before: datetime
    not_after: datetime

    @classmethod
    def parse(cls, form: MultiDict[str, str], *, every: Sequence[int]) -> "GivingForm":
        """Read the form; `every`: the facilities that have a door, for the scope `all`.

        Raises:
            BadInput: something is missing or cannot be read.
        """
        return cls(
            mail_address=form.get("mail_address", "").strip().lower()[:254],
            label=form.get("label", ""),
            facility_ids=facilities_of(form, every=every),
            not_before=instant_of(form.get("first_day", ""), form.get("first_time", ""), "開始"),
            not_after=instant_of(form.get("last_day", ""), form.get("last_time", ""), "終了"),
        )


def facilities_of(form: MultiDict[str, str], *, every: Sequence[int]) -> tuple[int, ...]:
    """The facilities that a form means: all that have a door, or those with a tick.

    Raises:
        BadInput: none, or what is no number.
    """
    if form.get("scope") == "all":
        chosen = list(every)
    else:
        ticked = form.getlist("facility")
        if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in ticked):
            raise BadInput("facility", sentence="施設を選んでください。")
        chosen = [int(text) for text in ticked]
    if not chosen:
        raise BadInput("facility", sentence="施設を選んでください。")
    return tuple(sorted(set(chosen)))


def person_of(session: Session, *, municipality_id: int, mail_address: str) -> UUID:
    """The account that signs in with an address.

    Raises:
        BadInput: there is none in the municipality, or it is disabled.
    """
    found = session.scalar(
        sa.select(Account.id).where(
            Account.municipality_id == municipality_id,
            Account.mail_address == mail_address,
            Account.disabled_at.is_(None),
        )
    )
    if found is None:
        raise BadInput("mail_address", sentence="このメールアドレスの登録がありません。")
    return found


def names_of(session: Session, *, people: Sequence[UUID]) -> dict[UUID, str]:
    """{account: its name}."""
    rows = session.execute(sa.select(Account.id, Account.name).where(Account.id.in_(sorted(set(people)))))
    return {row.id: row.name for row in rows}
