"""An SMTP server that keeps what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.loopback import LOOPBACK, eventually, free_port


class SmtpSink:
    """What arrived, in order; `refuse_next` makes the next mails fail with a temporary error (451)."""

    host = LOOPBACK

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refuse_next = 0

    def wait_for(self, count: int, *, within_s: float = 30.0) -> list[EmailMessage]:
        """The messages, once there are at least `count`."""
        eventually(lambda: len(self.messages) >= count, within_s=within_s, what=f"mail number {count}")
        return list(self.messages)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd looks it up by this name
        if self.refuse_next:
            self.refuse_next -= 1
            return "451 try again later"
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.recipients.append(list(envelope.rcpt_tos))
        self.messages.append(message)
        return "250 kept"


@contextmanager
def running_smtp_sink() -> Iterator[SmtpSink]:
    """A sink for as long as the block lasts."""
    sink = SmtpSink()
    controller = Controller(sink, hostname=sink.host, port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
