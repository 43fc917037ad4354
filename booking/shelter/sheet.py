"""The emergency sheet for the safe, as a PDF that a screen reader can read (PDF/UA-1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import Unavailable
from locks.staff.emergency import SheetLine


class NoPrinter(Unavailable):
    """The machine lacks the libraries that lay out pages."""

    code = "no_printer"
    sentence = "この機器では印刷用の書類を作れません。システムの管理者に連絡してください。"


@dataclass(frozen=True, slots=True)
class SheetPart:
    """One facility's page of the sheet."""

    name: str
    lines: tuple[SheetLine, ...]


def parts_of(
    lines: Sequence[SheetLine], doors: Mapping[int, tuple[int, ...]], names: Mapping[int, str]
) -> list[SheetPart]:
    """The lines by facility, in the order of `names`; access points of no facility come last."""
    by_point = {line.access_point_id: line for line in lines}
    parts = [
        SheetPart(name, tuple(by_point[point] for point in doors.get(facility_id, ()) if point in by_point))
        for facility_id, name in names.items()
    ]
    placed = {point for points in doors.values() for point in points}
    others = tuple(line for line in lines if line.access_point_id not in placed)
    return [part for part in (*parts, SheetPart("その他", others)) if part.lines]


def pdf_of(html: str) -> bytes:
    """The document as PDF/UA-1. Nothing is fetched, whatever the document names.

    Raises:
        NoPrinter: Pango or HarfBuzz is not installed.
    """
    try:
        # Half a second and forty megabytes that only this page needs; without Pango it cannot be imported.
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as error:
        raise NoPrinter(str(error)) from error

    class Refusing(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            del headers
            raise ValueError(f"not fetched: {url}")

    written = HTML(string=html, url_fetcher=Refusing()).write_pdf(pdf_variant="pdf/ua-1")
    assert isinstance(written, bytes)
    return written
