"""The demo's sink as a process, and what the transport does when the server is not what was asked for."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from booking.notices.smtp import SmtpTransport
from core.errors import RejectedOutside
from tests.servers.loopback import eventually
from tests.servers.mail import SmtpSink
from tests.servers.processes import Processes


def message(message_id: str) -> EmailMessage:
    written = EmailMessage()
    written["From"] = "kaiho@example.jp"
    written["To"] = "hanako@example.jp"
    written["Message-ID"] = message_id
    written["Subject"] = "件名"
    written.set_content("本文 髙橋\n", cte="base64")
    return written


@pytest.fixture
def start_folder_sink(processes: Processes, tmp_path: Path) -> Callable[[], tuple[int, Path]]:
    """Starts the demo's mail folder; its port and folder."""

    def start() -> tuple[int, Path]:
        folder = tmp_path / "mails"
        process = processes.python(
            "-m", "booking.notices.folder_sink", "--listen", "127.0.0.1:0", "--folder", str(folder)
        )
        return int(process.wait_for_line(r'^\{"port": (\d+)\}$').group(1)), folder

    return start


def test_the_demo_sink_keeps_each_mail_once_as_a_whole_file(
    start_folder_sink: Callable[[], tuple[int, Path]],
) -> None:
    port, folder = start_folder_sink()
    transport = SmtpTransport("127.0.0.1", port, timeout_s=5)
    for message_id in ("<1@example.jp>", "<1@example.jp>", "<2@example.jp>"):
        transport.send(message(message_id))
    transport.close()
    files = eventually(lambda: len(list(folder.glob("*.eml"))) == 2 and sorted(folder.glob("*.eml")))
    assert files
    kept = message_from_bytes(files[0].read_bytes(), policy=default)
    assert isinstance(kept, EmailMessage)
    assert kept["Subject"] == "件名"
    assert kept.get_content() == "本文 髙橋\n"


def test_a_server_without_starttls_is_never_given_the_mail_in_plain_text(smtp_sink: SmtpSink) -> None:
    transport = SmtpTransport(smtp_sink.host, smtp_sink.port, starttls=True, timeout_s=5)
    with pytest.raises(RejectedOutside):
        transport.send(message("<1@example.jp>"))
    assert smtp_sink.messages == []


def test_the_connection_is_made_anew_after_the_server_dropped_it(smtp_sink: SmtpSink) -> None:
    transport = SmtpTransport(smtp_sink.host, smtp_sink.port, timeout_s=5)
    transport.send(message("<1@example.jp>"))
    transport.close()
    transport.close()
    transport.send(message("<2@example.jp>"))
    transport.close()
    assert len(smtp_sink.messages) == 2
