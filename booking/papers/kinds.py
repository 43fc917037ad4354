"""Kinds of papers: what they are called, how they are numbered, what they are of."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from core.errors import NotThere


class Kind(StrEnum):
    """What a paper is."""

    RECEIPT = "receipt"
    """領収書, which is a 適格請求書 where the issuer has a registration number."""
    PERMIT = "permit"
    """使用許可書; bears the number that the reservation was given when it was confirmed."""
    REFUND_NOTICE = "refund_notice"
    """還付通知書, which is a 適格返還請求書."""
    INVOICE = "invoice"
    """請求書 of a month, for groups that pay later."""
    STATEMENT = "statement"
    """利用明細書: a group's month."""


WORDS: dict[Kind, str] = {
    Kind.RECEIPT: "領収書",
    Kind.PERMIT: "使用許可書",
    Kind.REFUND_NOTICE: "還付通知書",
    Kind.INVOICE: "請求書",
    Kind.STATEMENT: "利用明細書",
}
SERIES: dict[Kind, str] = {
    Kind.RECEIPT: "領",
    Kind.PERMIT: "許",
    Kind.REFUND_NOTICE: "還",
    Kind.INVOICE: "請",
    Kind.STATEMENT: "明",
}
"""First sign of a number, so that two papers never read alike."""

_PREFIXES: dict[Kind, str] = {
    Kind.RECEIPT: "payment:",
    Kind.PERMIT: "reservation:",
    Kind.REFUND_NOTICE: "refund:",
    Kind.INVOICE: "invoice:",
}


def subject_of(kind: Kind, of: UUID) -> str:
    """What a paper of this payment, reservation, refund or invoice is filed under."""
    return f"{_PREFIXES[kind]}{of}"


def month_subject(group_id: UUID, month: date) -> str:
    """What a group's statement of a month is filed under."""
    return f"{group_id}:{month:%Y-%m}"


def id_in(kind: Kind, subject: str) -> UUID:
    """The payment, reservation, refund or invoice that a subject names.

    Raises:
        NotThere: it names nothing of that kind.
    """
    prefix = _PREFIXES[kind]
    try:
        found = UUID(subject.removeprefix(prefix))
    except ValueError:
        raise NotThere(subject) from None
    if subject != f"{prefix}{found}":
        raise NotThere(subject)
    return found


def group_and_month_in(subject: str) -> tuple[UUID, date]:
    """The group and the first day of the month that a statement's subject names.

    Raises:
        NotThere: it names none.
    """
    group, _, month = subject.partition(":")
    try:
        found = UUID(group), date.fromisoformat(f"{month}-01")
    except ValueError:
        raise NotThere(subject) from None
    if subject != month_subject(*found):
        raise NotThere(subject)
    return found


def number_words(kind: Kind, fiscal_year: int, number: int) -> str:
    """`領2026-000012`; a permit is `第12号`, as pages have called it since it was confirmed."""
    if kind is Kind.PERMIT:
        return f"第{number}号"
    return f"{SERIES[kind]}{fiscal_year}-{number:06}"
