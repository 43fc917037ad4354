"""The heatmap as a file for a spreadsheet: UTF-8 with a mark, CRLF, no cell that is taken for a formula."""

import csv
import io

from booking.utilisation.month import Heatmap, Slots

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")

HEADER = (
    "施設",
    "日",
    "開放コマ数",
    "利用不可コマ数",
    "予約コマ数",
    "利用コマ数",
    "予約率(%)",
    "利用率(%)",
)


def as_csv(found: Heatmap) -> bytes:
    """One line a facility and day, then a line of sums a facility, then all of it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for row in found.rows:
        name = harmless(row.name)
        for cell in row.cells:
            writer.writerow((name, cell.day.isoformat(), *_numbers(cell.slots)))
        writer.writerow((name, "月計", *_numbers(row.total)))
    writer.writerow(("全施設", "月計", *_numbers(found.total)))
    return text.getvalue().encode("utf-8-sig")


def harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula (OWASP: CSV injection; ASVS 1.2.10)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _numbers(slots: Slots) -> tuple[str, ...]:
    counts = (slots.openable, slots.closed, slots.booked, slots.used)
    rates = (slots.booked_rate, slots.used_rate)
    return (
        *(f"{count:g}" for count in counts),
        *("" if rate is None else f"{rate * 100:.1f}" for rate in rates),
    )
