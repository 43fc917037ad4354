"""What a group sends with an application: a PDF or a picture, told by its first bytes, not by its name."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import BadInput

MAX_BYTES = 2 * 1024 * 1024
SUFFIXES: Mapping[str, str] = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_BEGINNINGS: Mapping[bytes, str] = {
    b"%PDF-": "application/pdf",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
_MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it may be kept."""

    name: str
    type: str
    content: bytes

    @classmethod
    def parse(cls, name: str, content: bytes) -> "Document":
        """Read an upload. `name` is the sender's: one line, without folders, shown and never used as a path.

        Raises:
            BadInput: too large, or no PDF, JPEG or PNG.
        """
        if len(content) > MAX_BYTES:
            raise BadInput("document", sentence="書類は2MBまでの大きさにしてください。")
        kind = next((kind for begins, kind in _BEGINNINGS.items() if content.startswith(begins)), None)
        if kind is None:
            raise BadInput("document", sentence="書類は PDF・JPEG・PNG のどれかで送ってください。")
        last = name.replace("\\", "/").rpartition("/")[2]
        shown = "".join(letter for letter in last if letter.isprintable()).strip()
        return cls(shown[-_MAX_NAME:] or f"書類.{SUFFIXES[kind]}", kind, content)
