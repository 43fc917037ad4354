"""Where a door's code may never stand: logs, mails, addresses, what Stripe was told."""

import email
import email.policy
import json
import re
import unicodedata
import urllib.request
from collections.abc import Iterator
from urllib.parse import unquote_plus

from booking.demo.town import Town


class Canary:
    """Collects the codes that were shown, then looks for them where they must not be."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.codes: set[str] = set()
        self._addresses: list[str] = []

    def shown(self, code: str) -> None:
        """A code that a page showed to its holder."""
        self.codes.add(code)

    def seen(self, address: str) -> None:
        """An address that a browser asked for."""
        self._addresses.append(address)

    def leaks(self) -> list[str]:
        """`place: code` for every code found where none may be; together, spaced or in full-width digits."""
        patterns = {code: re.compile(r"[\s._+-]*".join(code)) for code in sorted(self.codes)}
        return [
            f"{place}: {code}"
            for place, text in self._places()
            for code, pattern in patterns.items()
            if pattern.search(unicodedata.normalize("NFKC", text))
        ]

    def _places(self) -> Iterator[tuple[str, str]]:
        for log in sorted(self._town.log_folder.iterdir()):
            yield f"log {log.name}", log.read_text(errors="replace")
        for mail in sorted(self._town.mail_folder.glob("*.eml")):
            yield f"mail {mail.name}", _as_read(mail.read_bytes())
        for address in self._addresses:
            yield "address", unquote_plus(address)
        for path in ("/_sandbox/state", "/_sandbox/requests"):
            with urllib.request.urlopen(self._town.at.stripe_url + path, timeout=10) as answer:
                yield f"Stripe {path}", json.dumps(json.load(answer), ensure_ascii=False)


def _as_read(raw: bytes) -> str:
    """A mail as it was sent, and each of its texts decoded."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    bodies = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    headers = [f"{name}: {value}" for name, value in message.items()]
    return "\n".join([*headers, *bodies, raw.decode(errors="replace")])
