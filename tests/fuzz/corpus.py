"""Where the fuzz begins: the messages of the golden vectors, in each of their shapes."""

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

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


_AT = {"at": 1_797_976_760, "clock_quality": "synced"}
EVENTS: list[dict[str, Any]] = [
    {"kind": "door_lock_alarm", "alarm": "log_overflow", "range": [1, 117]},
    {"kind": "time_changed", "from": 1_797_976_760, "to": 1_797_970_000},
    {"kind": "desired_applied", "version": 83, "digest": "0" * 64},
    {"kind": "command_result", "id": "c-1", "command": "identify", "result": "ok"},
    {"kind": "lock_operation_error", "error": "invalid_credential", "count": 3},
    {"kind": "lock_operation", "operation": "unlock", "source": "keypad", "credential": "kanri-1"},
    {"kind": "door_state_change", "door": "open", "entered": 31415926, "note": "31415926"},
]
CHANGES: list[tuple[str, dict[str, Any]]] = [
    (
        "hello",
        {
            "last_seq": 124,
            "battery_mv": None,
            "events": [{"seq": 118 + index, **_AT, **event} for index, event in enumerate(EVENTS)],
        },
    ),
    ("desired", {"version": 84, "next_mac_epoch": 1}),
    ("desired", {"version": 83, "issued_at": 0}),
    ("desired", {"v": 2}),
    ("command", {"kind": "set_mode", "args": {"operating_mode": "passage"}}),
    ("command", {"kind": "sync_now", "expires_at": 1_797_976_800}),
    ("welcome", {"now": 1_797_970_000_000, "next_sync_at": 0}),
]
"""What the golden messages do not show: other events, other versions, other orders."""


TEXTS = (
    r'"\ud83d\uDE00"',
    r'"\ud800"',
    r'"\ud800\ud83d\ude00"',
    r'"\ud800\u0041\udc00\ud83d"',
    r'"\"\\\/\b\f\n\r\t\u0000\u007f"',
    '"\x7f\u3042\U0001f600"',
)
"""What JSON allows in a text, however odd."""

NO_TEXTS = (
    r'"\x41"',
    r'"\u12"',
    r'"\u12g4"',
    r'"\u+123"',
    r'"\u 123"',
    r'"\ud83d\u"',
    '"\t"',
    '"\x00"',
    '"\\"',
    "'a'",
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
    for kind, changes in CHANGES:
        payload = json.loads(payload_of(kind)) | changes
        yield bytes([KINDS.index(kind) + 8]) + json.dumps(payload).encode()
    for text in (
        "[" * 15 + "1" + "]" * 15,
        "[" * 16 + "]" * 16,
        "1" * 40,
        "-1." + "0" * 35 + "e9",
        "1e999",
        *TEXTS,
    ):
        yield b"\x08" + with_member(text)


def with_member(text: str) -> bytes:
    """A desired state with one more member, written as it is."""
    return payload_of("desired")[:-1] + b',"x":' + text.encode() + b"}"


def unsound() -> Iterator[bytes]:
    """Messages that do not."""
    for index, kind in enumerate(KINDS):
        payload, header = payload_of(kind), due_header(kind)
        yield bytes([index + 4]) + header.replace(b"{", b'{"alg":"HS256",', 1) + b"\n" + payload
        yield bytes([index + 8]) + payload.replace(b"{", b'{"v":1,', 1)
    for text in (
        "[" * 16 + "1" + "]" * 16,
        "[" * 17 + "]" * 17,
        "1" * 41,
        "-1." + "0" * 36 + "e9",
        "NaN",
        *NO_TEXTS,
    ):
        yield b"\x08" + with_member(text)
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
