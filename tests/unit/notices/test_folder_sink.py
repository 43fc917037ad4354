"""The demo's mail folder: whole files, each message once."""

from datetime import UTC, datetime
from pathlib import Path

from booking.notices.folder_sink import FolderSink


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


def message(message_id: str, text: str = "hello") -> bytes:
    return f"Message-ID: {message_id}\r\nSubject: s\r\n\r\n{text}\r\n".encode()


def test_a_repeat_of_a_message_is_dropped(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "mails", Noon())
    first = sink.keep(message("<1@x>"))
    again = sink.keep(message("<1@x>"))
    other = sink.keep(message("<2@x>"))
    assert first == again
    assert sorted((tmp_path / "mails").iterdir()) == sorted([first, other])


def test_messages_without_an_id_are_told_apart_by_their_words(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path, Noon())
    assert sink.keep(b"Subject: a\r\n\r\nx") != sink.keep(b"Subject: b\r\n\r\nx")
    assert len(list(tmp_path.glob("*.eml"))) == 2
    assert list(tmp_path.glob("*.part")) == []


def test_file_names_begin_with_the_time_of_arrival(tmp_path: Path) -> None:
    assert FolderSink(tmp_path, Noon()).keep(message("<1@x>")).name.startswith("20261121T120000")
