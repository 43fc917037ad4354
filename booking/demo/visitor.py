"""Someone with a browser, reduced to what HTTP sees: pages, links, forms, cookies. No script runs."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from core.errors import ContractBroken

_VOID_TEXT = {"script", "style"}
_NOT_SENT = {"submit", "button", "reset", "image", "file"}
"""Kinds of input that a form does not send unless they are pressed or filled."""


@dataclass
class Form:
    """A form as its page shows it: where it goes and what it would send untouched."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """One answer, read."""

    url: str
    status: int
    text: str
    forms: list[Form]
    links: list[tuple[str, str]]
    """(address, words)."""
    marks: dict[str, list[str]]
    """Values of every `data-…` attribute, by name without `data-`, in the page's order."""

    def form(self, action_part: str) -> Form:
        """The first form whose address contains a text.

        Raises:
            ContractBroken: the page has none.
        """
        for form in self.forms:
            if action_part in form.action:
                return form
        raise ContractBroken(
            f"no form to {action_part!r} on {self.url}: {[form.action for form in self.forms]}"
        )

    def link(self, address_part: str, *, words: str = "") -> str:
        """The first link whose address and words contain these texts.

        Raises:
            ContractBroken: the page has none.
        """
        for address, said in self.links:
            if address_part in address and words in said:
                return address
        raise ContractBroken(f"no link to {address_part!r} called {words!r} on {self.url}")

    def mark(self, name: str) -> str | None:
        """The first value of a `data-…` attribute, if the page has it."""
        return next(iter(self.marks.get(name, ())), None)


class Visitor:
    """A person's browser with its own cookies."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = requests.Session()
        self._http.trust_env = False

    def get(self, address: str) -> Page:
        """Open a page, following redirects."""
        return self._read(self._http.get(urljoin(self._base_url, address), timeout=30))

    def submit(self, page: Page, form: Form, /, **values: str) -> Page:
        """Send a form of a page, by its own method, with some fields changed."""
        address, fields = urljoin(page.url, form.action), form.fields | values
        if form.method == "get":
            return self._read(self._http.get(address, params=fields, timeout=30))
        return self._read(self._http.post(address, data=fields, timeout=30))

    def _read(self, answer: requests.Response) -> Page:
        answer.encoding = "utf-8"
        reader = _Reader(answer.url)
        reader.feed(answer.text)
        return Page(
            answer.url, answer.status_code, " ".join(reader.words), reader.forms, reader.links, reader.marks
        )


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.marks: dict[str, list[str]] = {}
        self.words: list[str] = []
        self._in_link = False
        self._form: Form | None = None
        self._select: str | None = None
        self._textarea: str | None = None
        self._skip = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            if name.startswith("data-"):
                self.marks.setdefault(name.removeprefix("data-"), []).append(value)
        if tag == "form":
            self._form = Form(given.get("action") or self.url, given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a":
            self.links.append((given.get("href", ""), ""))
            self._in_link = True
        elif tag in _VOID_TEXT:
            self._skip += 1
        if self._form is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name = given.get("name", "")
        if "disabled" in given:
            return
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if "selected" in given or self._select not in self._form.fields:
                self._form.fields[self._select] = given.get("value", "")
        elif tag == "textarea" and name:
            self._form.fields[name] = ""
            self._textarea = name
        elif tag == "input" and name:
            unticked = given.get("type") in ("radio", "checkbox") and "checked" not in given
            if not unticked and given.get("type") not in _NOT_SENT:
                ticked = "on" if given.get("type") in ("radio", "checkbox") else ""
                self._form.fields[name] = given.get("value", ticked)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None
        elif tag == "a":
            self._in_link = False
        elif tag in _VOID_TEXT:
            self._skip -= 1

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._textarea is not None:
            # HTML drops the one line break that follows the opening tag.
            shown = self._form.fields[self._textarea]
            self._form.fields[self._textarea] = shown + (data if shown else data.removeprefix("\n"))
        if not self._skip and data.strip():
            self.words.append(data.strip())
            if self._in_link:
                address, said = self.links[-1]
                self.links[-1] = (address, f"{said} {data.strip()}")
