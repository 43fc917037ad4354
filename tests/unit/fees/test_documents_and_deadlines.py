"""Which files are taken, and until when an application is to be decided."""

from datetime import date, datetime

import pytest

from booking.fees.documents import MAX_BYTES, Document
from booking.fees.relief_mails import decision_words
from booking.fees.relief_states import decision_due_at
from core.errors import BadInput

ASKED = datetime.fromisoformat("2026-11-21T09:00:00+09:00")


@pytest.mark.parametrize(
    "content, kind",
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
    ],
)
def test_a_document_is_what_it_begins_with(content: bytes, kind: str) -> None:
    assert Document.parse("whatever.html", content) == Document("whatever.html", kind, content)


@pytest.mark.parametrize("content", [b"", b"%PDF", b" %PDF-", b"<svg", b"\x89PNG\r\n\x1a\r", b"PK\x03\x04"])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        Document.parse("a.pdf", content)
    assert refused.value.sentence == "書類は PDF・JPEG・PNG のどれかで送ってください。"


def test_two_megabytes_are_the_most() -> None:
    most = b"%PDF-" + b"0" * (MAX_BYTES - 5)
    assert len(Document.parse("a.pdf", most).content) == 2 * 1024 * 1024
    with pytest.raises(BadInput) as refused:
        Document.parse("a.pdf", most + b"0")
    assert refused.value.sentence == "書類は2MBまでの大きさにしてください。"


@pytest.mark.parametrize(
    "name, kept",
    [
        ("依頼状.pdf", "依頼状.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\mihon\\a b.pdf", "a b.pdf"),
        ("a\r\nb\x00.pdf", "ab.pdf"),
        ("", "書類.pdf"),
        ("folder/", "書類.pdf"),
        (" \t", "書類.pdf"),
        ("x" * 130 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_a_name_is_one_short_line_without_folders(name: str, kept: str) -> None:
    assert Document.parse(name, b"%PDF-").name == kept


@pytest.mark.parametrize(
    "valid_from, due",
    [
        (date(2027, 4, 1), "2026-12-05T09:00:00+09:00"),
        (date(2026, 12, 6), "2026-12-05T09:00:00+09:00"),
        (date(2026, 12, 5), "2026-12-05T00:00:00+09:00"),
        (date(2026, 11, 23), "2026-11-23T00:00:00+09:00"),
        (date(2026, 11, 22), "2026-11-22T09:00:00+09:00"),
        (date(2026, 11, 21), "2026-11-22T09:00:00+09:00"),
    ],
)
def test_it_is_decided_before_the_use_within_two_weeks_but_not_within_a_day(
    valid_from: date, due: str
) -> None:
    assert decision_due_at(ASKED, valid_from) == datetime.fromisoformat(due)


def test_decisions_have_words() -> None:
    assert [decision_words(*one) for one in ((None, None), ("full", None), ("percent", 5))] == [
        "減免しない",
        "全額免除",
        "5%減免",
    ]
    assert decision_words("base_only", None) == "使用料のみ免除（照明・冷暖房は有料）"
