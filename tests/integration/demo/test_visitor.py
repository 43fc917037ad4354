"""A visitor sends what a browser would send: by the form's own method, every field as the page shows it."""

from collections.abc import Iterator

import pytest
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue

from booking.demo.visitor import Visitor
from core.errors import ContractBroken
from tests.servers.serving import serving

PAGE = """<!doctype html><title>x</title><style>p { color: red }</style><script>var code = 1;</script>
<a href="/a">体育館 <b>全面</b></a><a href="/b">体育館 半面A</a><br>
<form action="/sent" method="POST">
<input type=hidden name=csrf_token value=abc><input name=empty><input name=gone value=1 disabled>
<input type=radio name=group value=1><input type=radio name=group value=2 checked>
<input type=checkbox name=ticked checked><input type=checkbox name=unticked>
<select name=first><option value=a>A<option value=b>B</select>
<select name=chosen><option value=a>A<option value=b selected>B</select>
<textarea name=reason>
雨のため</textarea>
<input type=submit name=button value=x><input type=button name=other value=x>
</form>
<form action="/search"><input name=q value=gym></form>
<p data-state="held" data-code="x">予約</p><p data-state="paid"></p>"""


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    """In front of a tiny site that says back what it was sent."""
    app = Flask("site")

    @app.get("/")
    def first() -> ResponseReturnValue:
        return PAGE, {"Set-Cookie": "seen=1"}

    @app.post("/sent")
    def sent() -> ResponseReturnValue:
        return redirect("/echo?" + "&".join(f"{name}={value}" for name, value in request.form.items()), 303)

    @app.get("/echo")
    @app.get("/search")
    def echo() -> ResponseReturnValue:
        said = [f"<p data-{name}='{value}'></p>" for name, value in request.args.items()]
        return "".join(said) + f"<p data-cookie='{request.cookies.get('seen')}'></p>", 202

    with serving(app) as url:
        yield Visitor(url)


def test_a_form_sends_what_it_shows_and_what_was_changed(visitor: Visitor) -> None:
    page = visitor.get("/")
    answer = visitor.submit(page, page.form("/sent"), empty="filled")
    assert {name: values[0] for name, values in answer.marks.items()} == {
        "csrf_token": "abc",
        "empty": "filled",
        "group": "2",
        "ticked": "on",
        "first": "a",
        "chosen": "b",
        "reason": "雨のため",
        "cookie": "1",
    }
    assert (answer.status, "/echo" in answer.url) == (202, True)


def test_a_form_without_a_method_asks(visitor: Visitor) -> None:
    page = visitor.get("/")
    answer = visitor.submit(page, page.form("/search"), page="2")
    assert (answer.mark("q"), answer.mark("page")) == ("gym", "2")


def test_links_are_found_by_address_and_words(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert page.link("/", words="半面A") == "/b"
    assert page.link("/", words="全面") == "/a"
    with pytest.raises(ContractBroken, match="半面B"):
        page.link("/", words="半面B")
    with pytest.raises(ContractBroken, match="/holds"):
        page.form("/holds")


def test_words_are_what_a_person_reads_and_marks_keep_their_order(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert "体育館 全面" in page.text
    assert "color" not in page.text
    assert "var code" not in page.text
    assert page.marks["state"] == ["held", "paid"]
    assert (page.mark("state"), page.mark("nothing")) == ("held", None)
