"""How papers are called, filed and numbered."""

from datetime import date
from uuid import UUID

import pytest

from booking.papers.kinds import Kind, group_and_month_in, id_in, month_subject, number_words, subject_of
from booking.papers.printing import disposition
from core.errors import NotThere

ID = UUID(int=7)


def test_a_subject_leads_back_to_what_it_is_of() -> None:
    for kind in (Kind.RECEIPT, Kind.PERMIT, Kind.REFUND_NOTICE, Kind.INVOICE):
        assert id_in(kind, subject_of(kind, ID)) == ID
    assert group_and_month_in(month_subject(ID, date(2026, 10, 1))) == (ID, date(2026, 10, 1))


@pytest.mark.parametrize("subject", ["", "payment:", "payment:7", f"reservation:{ID}", f"payment:{ID.hex}"])
def test_only_one_spelling_names_a_payment(subject: str) -> None:
    with pytest.raises(NotThere):
        id_in(Kind.RECEIPT, subject)


@pytest.mark.parametrize("subject", ["", f"{ID}:2026-13", f"{ID}:2026-1", f"{ID.hex}:2026-10", ":2026-10"])
def test_only_one_spelling_names_a_month(subject: str) -> None:
    with pytest.raises(NotThere):
        group_and_month_in(subject)


def test_no_two_kinds_have_numbers_that_read_alike() -> None:
    assert number_words(Kind.RECEIPT, 2026, 12) == "領2026-000012"
    assert number_words(Kind.PERMIT, 2026, 12) == "第12号"
    assert len({number_words(kind, 2026, 1) for kind in Kind}) == len(Kind)


def test_a_file_name_is_japanese_for_those_who_can_and_plain_for_others() -> None:
    said = disposition("領収書-領2026-000012.pdf", plain="receipt.pdf")
    assert said.isascii()
    assert said.startswith("attachment; filename=\"receipt.pdf\"; filename*=UTF-8''%E9%A0%98")
    assert '"' not in disposition('a"b.pdf', plain="x.pdf").partition("filename*=")[2]
