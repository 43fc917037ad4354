"""What a paper is about to say: frozen whole when it is issued."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from booking.papers.models import Issuer
from core.errors import Refused


@dataclass(frozen=True, slots=True)
class Draft:
    """Whom a paper belongs to, whom it is addressed to, what it says."""

    group_id: UUID
    addressee: str
    content: dict[str, Any]
    number: int | None = None
    """Where the thing had its number before its paper (a permit)."""


class NothingToIssue(Refused):
    """It is not paid, not over, or taken back."""

    code = "nothing_to_issue"
    sentence = "この書類は、まだ発行できないか、取り消されています。"


def issuer_words(issuer: Issuer, *, registration_number: str | None) -> dict[str, Any]:
    """Who stands on it."""
    return {
        "name": issuer.name,
        "department": issuer.department,
        "address": issuer.address,
        "telephone": issuer.telephone,
        "registration_number": registration_number,
    }
