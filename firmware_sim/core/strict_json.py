"""JSON that refuses duplicate keys, which `json.loads` (and MicroPython's, without hooks) lets pass."""

import json

MAX_DEPTH = 16
SPACES = " \t\r\n"
NUMBER = "+-.0123456789eE"


class Reader:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in SPACES:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> None:
        if self.skip() != wanted:
            raise ValueError("unexpected character in JSON")
        self.at += 1

    def value(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise ValueError("JSON too deep")
        first = self.skip()
        if first == "{":
            return self.members(depth)
        if first == "[":
            return self.elements(depth)
        if first == '"':
            return self.string()
        for word, meaning in (("true", True), ("false", False), ("null", None)):
            if self.text[self.at : self.at + len(word)] == word:
                self.at += len(word)
                return meaning
        return self.number()

    def members(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        self.take("{")
        if self.skip() == "}":
            self.at += 1
            return found
        while True:
            if self.skip() != '"':
                raise ValueError("a JSON member needs a name")
            name = self.string()
            if name in found:
                raise ValueError("duplicate JSON key")
            self.take(":")
            found[name] = self.value(depth + 1)
            if self.skip() != ",":
                self.take("}")
                return found
            self.at += 1

    def elements(self, depth: int) -> list[object]:
        found: list[object] = []
        self.take("[")
        if self.skip() == "]":
            self.at += 1
            return found
        while True:
            found.append(self.value(depth + 1))
            if self.skip() != ",":
                self.take("]")
                return found
            self.at += 1

    def string(self) -> str:
        start = self.at
        self.at += 1
        while True:
            mark = self.text[self.at : self.at + 1]
            if not mark or mark < " ":
                raise ValueError("unterminated JSON string")
            self.at += 2 if mark == "\\" else 1
            if mark == '"':
                return str(json.loads(self.text[start : self.at]))

    def number(self) -> object:
        start = self.at
        while self.text[self.at : self.at + 1] and self.text[self.at] in NUMBER:
            self.at += 1
        piece = self.text[start : self.at]
        digits = piece[1:] if piece[:1] == "-" else piece
        if (
            not digits
            or not digits[0].isdigit()
            or (digits[0] == "0" and digits[1:2].isdigit())
            or len(piece) > 40
        ):
            raise ValueError("not a JSON number")
        number: object = json.loads(piece)
        return number


def parse(text: str) -> object:
    """The value of a JSON text.

    Raises:
        ValueError: not JSON, a duplicate key, or deeper than 16 levels.
    """
    reader = Reader(text)
    value = reader.value(0)
    if reader.skip():
        raise ValueError("text after the JSON value")
    return value


def integer(source: dict[str, object], name: str, low: int, high: int) -> int:
    """A required whole number of an object.

    Raises:
        ValueError: absent, not an integer (true is none), or out of range.
    """
    return whole(source.get(name), low, high)


def whole(value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError("not a whole number in range")
    return value


def is_version_1(payload: dict[str, object]) -> bool:
    """Whether `v` is the whole number 1; `true` and `1.0`, equal to it in Python, are not."""
    v = payload.get("v")
    return isinstance(v, int) and not isinstance(v, bool) and v == 1


def text_of(source: dict[str, object], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value
