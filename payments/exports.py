"""Rows as files for a city's accounting: CSV with CRLF, UTF-8 with a mark or cp932, no cell a formula.

cp932 lacks many characters of names. What looks the same there is used instead (wave dash, minus sign); the
rest becomes 〓, which everybody in an office knows as "a character is missing here", and is counted.

Source: OWASP on CSV injection (ASVS 1.2.10), reliability.md T29.
"""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

GETA = "〓"
_FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n\0")
_SAME_LOOK = str.maketrans("〜−‖—¢£¬¥", "～－∥―￠￡￢￥")
"""Characters that cp932 has under another code point (Microsoft's table against the Unicode consortium's)."""
_PIECE = 500

Cell = str | int | None


class FileEncoding(StrEnum):
    """What a file is written in."""

    UTF_8 = "utf-8"
    """With the mark by which spreadsheets know it."""
    CP932 = "cp932"
    """What accounting systems of cities read."""


@dataclass(slots=True)
class Measure:
    """What a file holds, known once it has been written to its end."""

    rows: int = 0
    """Without the header."""
    replaced: int = 0
    """Characters that became 〓."""


def encoded(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], encoding: FileEncoding, measure: Measure
) -> Iterator[bytes]:
    """The file in pieces; `measure` counts along."""
    if encoding is FileEncoding.UTF_8:
        yield codecs.BOM_UTF8
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_written(cell, encoding, measure) for cell in header])
    for row in rows:
        writer.writerow([_written(cell, encoding, measure) for cell in row])
        measure.rows += 1
        if not measure.rows % _PIECE:
            yield _taken(text, encoding)
    yield _taken(text, encoding)


def harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula; full-width signs count in Japanese ones."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def in_cp932(text: str) -> tuple[str, int]:
    """Text of which cp932 has every character, and how many had to become 〓.

    A variant selector goes without a trace: the character that it varies stays.
    """
    if text.isascii():
        return text, 0
    plain = unicodedata.normalize("NFC", text).translate(_SAME_LOOK)
    try:
        plain.encode("cp932")
    except UnicodeEncodeError:
        return _with_getas(plain)
    return plain, 0


def _with_getas(text: str) -> tuple[str, int]:
    plain = "".join(one for one in text if not _is_variant_selector(one))
    lacking = 0
    signs = []
    for one in plain:
        try:
            one.encode("cp932")
        except UnicodeEncodeError:
            lacking += 1
            signs.append(GETA)
        else:
            signs.append(one)
    return "".join(signs), lacking


def _written(cell: Cell, encoding: FileEncoding, measure: Measure) -> str | int:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return cell
    if encoding is FileEncoding.CP932:
        cell, lacking = in_cp932(cell)
        measure.replaced += lacking
    return harmless(cell)


def _taken(text: io.StringIO, encoding: FileEncoding) -> bytes:
    piece = text.getvalue()
    text.seek(0)
    text.truncate()
    return piece.encode(encoding)


def _is_variant_selector(sign: str) -> bool:
    return "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef"
