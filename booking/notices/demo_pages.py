"""The mails that a demo caught, to read in the browser; registered only where a folder for them is set."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from booking.app.guards import public_demo, reading

pages = Blueprint("demo", __name__)

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Caught:
    """A mail as its reader sees it."""

    to: str
    subject: str
    body: str
    sent_at: datetime | None


@pages.get("/demo/mails")
@public_demo
def mails() -> ResponseReturnValue:
    """The newest mails first."""
    with reading() as here:
        folder = here.services.settings.demo_mail_dir
    files = sorted(folder.glob("*.eml"), reverse=True)[:_SHOWN] if folder is not None else []
    return render_template("demo/mails.html", mails=[_read(path) for path in files])


def _read(path: Path) -> Caught:
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    return Caught(
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        body=body.get_content() if body is not None else "",
        sent_at=parsedate_to_datetime(str(message["Date"])) if message["Date"] else None,
    )
