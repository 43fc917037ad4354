"""HTML as a PDF that a screen reader can read (PDF/UA-1). Nothing is fetched, whatever the document names."""

from typing import Any

from core.errors import Unavailable


class NoPrinter(Unavailable):
    """The machine lacks the libraries that lay out pages."""

    code = "no_printer"
    sentence = "この機器では印刷用の書類を作れません。システムの管理者に連絡してください。"


def pdf_of(html: str) -> bytes:
    """The document as PDF/UA-1.

    Raises:
        NoPrinter: Pango or HarfBuzz is not installed.
    """
    try:
        # Half a second and forty megabytes that only printing needs; without Pango it cannot be imported.
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
