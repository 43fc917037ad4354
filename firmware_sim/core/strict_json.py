"""JSON to the letter: `json.loads` lets duplicate keys pass, and MicroPython's more than that."""

MAX_DEPTH = 16
SPACES = " \t\r\n"
DIGITS = "0123456789"
NUMBER = "+-." + DIGITS + "eE"
LONGEST_NUMBER = 40
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


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
        parts: list[str] = []
        self.at += 1
        start = self.at
        while True:
            mark = self.text[self.at : self.at + 1]
            if not mark or mark < " ":
                raise ValueError("unterminated JSON string")
            if mark == '"' or mark == "\\":
                parts.append(self.text[start : self.at])
                self.at += 1
                if mark == '"':
                    return "".join(parts)
                parts.append(self.escape())
                start = self.at
            else:
                self.at += 1

    def escape(self) -> str:
        """What follows a backslash; two halves of one character beyond the 16 bits are joined."""
        mark = self.text[self.at : self.at + 1]
        self.at += 1
        if mark in ESCAPES:
            return ESCAPES[mark]
        if mark != "u":
            raise ValueError("not a JSON escape")
        code = self.four_hex()
        if 0xD800 <= code < 0xDC00 and self.text[self.at : self.at + 2] == "\\u":
            back = self.at
            self.at += 2
            low = self.four_hex()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00)
            self.at = back
        return chr(code)

    def four_hex(self) -> int:
        digits = self.text[self.at : self.at + 4]
        self.at += 4
        if len(digits) != 4:
            raise ValueError("not four hexadecimal digits")
        for mark in digits:
            if mark not in "0123456789abcdefABCDEF":
                raise ValueError("not four hexadecimal digits")
        return int(digits, 16)

    def number(self) -> object:
        start = self.at
        while self.text[self.at : self.at + 1] and self.text[self.at] in NUMBER:
            self.at += 1
        piece = self.text[start : self.at]
        if len(piece) > LONGEST_NUMBER:
            raise ValueError("JSON number too long")
        at = end_of_digits(piece, 1 if piece[:1] == "-" else 0, True)
        end_of_whole = at
        if piece[at : at + 1] == ".":
            at = end_of_digits(piece, at + 1, False)
        if piece[at : at + 1] in ("e", "E"):
            at += 2 if piece[at + 1 : at + 2] in ("+", "-") else 1
            at = end_of_digits(piece, at, False)
        if at != len(piece):
            raise ValueError("not a JSON number")
        return int(piece) if at == end_of_whole else float(piece)


def end_of_digits(piece: str, start: int, is_whole: bool) -> int:
    """Where a run of digits ends; a whole part has no zero before another digit.

    Raises:
        ValueError: there is no digit, or a zero too many.
    """
    at = start
    while piece[at : at + 1] and piece[at] in DIGITS:
        at += 1
    if at == start or (is_whole and piece[start] == "0" and at > start + 1):
        raise ValueError("not a JSON number")
    return at


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
