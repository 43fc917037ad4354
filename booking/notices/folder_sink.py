"""A mail server for demonstrations: what it is given becomes an .eml file in a folder, nothing goes further.

`python -m booking.notices.folder_sink --listen 127.0.0.1:0 --folder var/mails` prints `{"port": …}` once it
listens.
"""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from core.clock import Clock, SystemClock

MAX_BYTES = 1_000_000


class FolderSink:
    """Keeps each message once: a repeat of a Message-ID is taken and dropped."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd looks it up by this name
        """Called by aiosmtpd with a whole message."""
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 binary content only"
        self.keep(content)
        return "250 kept"

    def keep(self, content: bytes) -> Path:
        """Write a message; names sort by arrival, a file is whole as soon as it has its name."""
        message_id = message_from_bytes(content, policy=default)["Message-ID"]
        identity = hashlib.sha256(str(message_id).encode() if message_id else content).hexdigest()[:16]
        for before in self._folder.glob(f"*-{identity}.eml"):
            return before
        path = self._folder / f"{self._clock.now():%Y%m%dT%H%M%S%f}-{identity}.eml"
        draft = path.with_suffix(".part")
        draft.write_bytes(content)
        os.replace(draft, path)
        return path


async def serve(folder: Path, host: str, port: int) -> None:
    """Listen until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    sink = FolderSink(folder, SystemClock())
    server = await loop.create_server(
        lambda: SMTP(sink, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, loop=loop), host, port
    )
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await ended.wait()
    server.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="folder_sink", description="SMTP on loopback, into .eml files")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    asyncio.run(serve(arguments.folder, host, int(port)))


if __name__ == "__main__":
    main()
