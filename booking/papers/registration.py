"""適格請求書発行事業者登録番号: T and the thirteen digits of a corporate number, the first a check digit.

Source: 国税庁 法人番号の指定 (check digit: 9 less the remainder of the weighted sum by 9), 登録番号の構成.
"""

import re
import unicodedata

from core.errors import BadInput

_SHAPE = re.compile(r"T([0-9])([0-9]{12})")
SAMPLE = "T9000000000000"
"""Right by its check digit and nobody's: corporate numbers have no zeros alone behind it."""


def check_digit(base: str) -> int:
    """The digit that stands before twelve others; weights 1 and 2 alternate from the right."""
    weighted = sum(int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(base)))
    return 9 - weighted % 9


def is_registration_number(text: str) -> bool:
    """Whether it has the form of one and its check digit is right."""
    found = _SHAPE.fullmatch(text)
    return found is not None and int(found[1]) == check_digit(found[2])


def registration_number_of(text: str) -> str | None:
    """A number as somebody typed it, made plain: full-width signs, spaces and hyphens are forgiven.

    Raises:
        BadInput: its form or its check digit is wrong.
    """
    plain = re.sub(r"[\s\-‐−ー]", "", unicodedata.normalize("NFKC", text)).upper()
    if not plain:
        return None
    if not is_registration_number(plain):
        raise BadInput(
            "registration_number",
            sentence="登録番号は「T」と13桁の数字です。打ち間違いがないか確かめてください。",
        )
    return plain
