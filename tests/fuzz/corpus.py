"""Where the fuzz begins: the messages of the golden vectors, in each of their shapes."""

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.fuzz.decoders import NONCE, due_header
from tests.fuzz.world import COMMAND, KINDS, VECTORS, signed

TOKENS = (
    *('"alg"', '"HS256"', '"none"', '"kid"', '"typ"', '"lock"', '"v"', '"version"', '"epoch"', '"events"'),
    *(
        '"grants"',
        '"sellable"',
        '"floors"',
        '"staff"',
        '"config"',
        '"next_mac_epoch"',
        '"credential"',
        '"seq"',
    ),
    *(VECTORS["lock"], ":down:", ":up:", "null", "true", "false", "NaN", "Infinity", "-0", "1e999", "1E5"),
    *(
        "9007199254740993",
        "[[[[[[[[[[[[[[[[[[",
        '{"":',
        "\\ud800",
        "\\u0000",
        "\\\\",
        "\xef\xbb\xbf",
        ".",
        "..",
    ),
)


def sound() -> Iterator[bytes]:
    """Messages that hold, as `decoders.judge_input` reads them."""
    for index, kind in enumerate(KINDS):
        payload = payload_of(kind)
        header = due_header(kind)
        yield bytes([index]) + signed(kind, header, payload)
        yield bytes([index + 4]) + header + b"\n" + payload
        yield bytes([index + 8]) + payload
    yield b"\x00" + VECTORS["desired_jws"].encode()
    yield b"\x03" + VECTORS["hello_jws"].encode()


def unsound() -> Iterator[bytes]:
    """Messages that do not."""
    for index, kind in enumerate(KINDS):
        payload, header = payload_of(kind), due_header(kind)
        yield bytes([index + 4]) + header.replace(b"{", b'{"alg":"HS256",', 1) + b"\n" + payload
        yield bytes([index + 8]) + payload.replace(b"{", b'{"v":1,', 1)
    for case in VECTORS["bad_envelopes"]:
        yield b"\x00" + case["jws"].encode()


def payload_of(kind: str) -> bytes:
    """A payload of a kind that the other side would go on with."""
    if kind == "command":
        return json.dumps({**COMMAND, "expires_at": 1_797_976_860}).encode()
    if kind == "welcome":
        return json.dumps({**VECTORS["welcome"], "nonce": NONCE}).encode()
    text: str = VECTORS[f"{kind}_jws"].split(".")[1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def write(folder: Path, messages: Iterable[bytes]) -> Path:
    """One file each, as libFuzzer reads them, and the words it may put in; the words' file."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(messages):
        (corpus / f"golden-{number:02}").write_bytes(octets)
    words = folder / "words"
    escaped = [token.encode("latin-1") for token in TOKENS]
    lines = ['"' + "".join(f"\\x{octet:02x}" for octet in token) + '"\n' for token in escaped]
    words.write_text("".join(lines), encoding="ascii")
    return words
