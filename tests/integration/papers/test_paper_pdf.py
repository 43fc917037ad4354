"""Papers as PDF: readable by a screen reader and a search, quick, and deaf to what names ask it to fetch."""

import re
import time
import zlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask import render_template
from sqlalchemy import update
from weasyprint import HTML

from booking.papers.kinds import WORDS, Kind
from booking.papers.models import Issuer
from booking.papers.pdf import pdf_of
from booking.papers.printing import Print
from booking.people.models import Group
from tests.integration.booking.town import NOW, window
from tests.integration.manage.paper import objects_of, text_of
from tests.integration.pages.conftest import Site
from tests.integration.papers.conftest import issued, paid
from tests.servers.serving import serving

ISSUER = {
    "name": "見本市",
    "department": "見本課",
    "address": "見本市見本町1番地",
    "telephone": "0859-00-0000",
    "registration_number": None,
}


def laid_out(site: Site, kind: Kind, content: dict[str, Any], **changed: Any) -> bytes:
    """A print of this content."""
    shown = {
        "kind": kind,
        "title": WORDS[kind],
        "number": "明2026-000001",
        "addressee": "見本団体01",
        "content": {"issuer": ISSUER, **content},
        "issued_at": NOW,
        "print_number": 1,
        "printed_at": NOW,
        "voided_at": None,
        **changed,
    }
    with site.app.test_request_context("/"):
        return pdf_of(render_template(f"papers/pdf/{kind}.html", paper=Print(**shown)))


def long_month(lines: int) -> dict[str, Any]:
    """A statement of that many reservations."""
    return {
        "month": "2026年10月",
        "reservations": [
            {
                "when": "10月1日(木) 18:00〜20:00",
                "where": "見本第二中学校 武道場 全面",
                "state": "利用済み",
                "permit_number": number,
                "amount_yen": 900,
                "is_taken_back": False,
            }
            for number in range(1, lines + 1)
        ],
        "payments": [],
        "refunds": [],
        "used_yen": lines * 900,
        "paid_yen": 0,
        "refunded_yen": 0,
    }


def inflated(body: bytes) -> bytes:
    found = re.search(rb"stream\n(.*?)\nendstream", body, re.DOTALL)
    assert found is not None
    return zlib.decompress(found[1])


def flat(pdf: bytes) -> str:
    return re.sub(r"\s", "", text_of(pdf))


def named(site: Site, name: str) -> None:
    with site.town.database.transaction() as session:
        session.execute(update(Group).where(Group.id == site.town.general).values(name=name))


def printed(site: Site, kind: Kind, of: Any) -> bytes:
    paper = issued(site, kind, of)
    answer = site.resident().get(f"/papers/{paper.id}.pdf")
    assert answer.status_code == 200
    return answer.data


def test_a_receipt_is_a_tagged_document_in_japanese_with_a_title(small_site: Site) -> None:
    pdf = printed(small_site, Kind.RECEIPT, paid(small_site)[1])
    objects = objects_of(pdf)
    inside = b"".join(objects.values())
    for said in (b"/Lang (ja)", b"/Marked true", b"/DisplayDocTitle true", b"/StructTreeRoot", b"/Tabs /S"):
        assert said in inside
    (metadata,) = [body for body in objects.values() if b"/Type /Metadata" in body]
    assert re.search(rb"pdfuaid:part\W+1", inflated(metadata))
    assert "領収書 領2026-000001".encode("utf-16-be").hex().encode() in inside.lower() or (
        "領収書 領2026-000001".encode() in inside
    )
    for role in (b"/S /H1", b"/S /Table", b"/S /TH", b"/S /TD", b"/S /Caption", b"/S /P"):
        assert role in inside, role
    cells = [body for body in objects.values() if b"/S /TD" in body]
    assert cells
    assert [body for body in cells if not re.search(rb"/Headers \[\(", body)] == []


def test_every_font_is_inside(small_site: Site) -> None:
    pdf = printed(small_site, Kind.RECEIPT, paid(small_site)[1])
    descriptors = [body for body in objects_of(pdf).values() if b"/Type /FontDescriptor" in body]
    assert descriptors
    assert all(re.search(rb"/FontFile[23]? ", body) for body in descriptors)


def test_everything_an_accountant_looks_for_can_be_read_out(small_site: Site) -> None:
    text = flat(printed(small_site, Kind.RECEIPT, paid(small_site)[1]))
    for words in (
        "領収書",
        "適格請求書を兼ねます",
        "領2026-000001",
        "発行日2026年11月21日(土)",
        "見本団体01様",
        "¥600",
        "但し、見本小学校体育館全面の使用料として、上記の金額を領収しました。",
        "領収した日2026年11月21日(土)",
        "お支払いの方法クレジットカード",
        "使用料300円×2時間10%600円",
        "10%対象600円54円",
        "見本市",
        "登録番号T9000000000000",
        "収入印紙は不要です（印紙税法第5条第2号）",
        "1/1",
    ):
        assert words in text, words


def test_without_a_registration_number_nothing_claims_to_be_a_qualified_invoice(small_site: Site) -> None:
    with small_site.town.database.transaction() as session:
        session.execute(update(Issuer).values(registration_number=None))
    text = flat(printed(small_site, Kind.RECEIPT, paid(small_site)[1]))
    assert "適格" not in text
    assert "登録番号" not in text


@pytest.mark.parametrize("name", ["髙﨑𠮷スポーツクラブ", "見本" * 40, "Mihon Club & Söhne <見本>"])
def test_rare_signs_and_long_names_stand_on_the_paper_as_they_are(small_site: Site, name: str) -> None:
    named(small_site, name)
    text = flat(printed(small_site, Kind.PERMIT, paid(small_site)[0]))
    assert f"{name}様".replace(" ", "") in text
    assert "使用する団体" in text


def test_sixty_lines_run_over_pages_that_repeat_the_head(small_site: Site) -> None:
    pdf = laid_out(small_site, Kind.STATEMENT, long_month(60))
    pages = sum(bool(re.search(rb"/Type /Page\b", body)) for body in objects_of(pdf).values())
    text = flat(pdf)
    assert pages >= 2
    assert text.count("日時場所許可番号状態使用料（税込）") >= 2
    assert f"{pages}/{pages}" in text
    for number in (1, 30, 60):
        assert f"第{number}号" in text
    assert "54,000円" in text
    assert "この月のお支払いはありません。" in text


def test_a_paper_is_laid_out_within_a_second(small_site: Site) -> None:
    laid_out(small_site, Kind.STATEMENT, long_month(1))
    took = []
    for _ in range(2):
        begun = time.process_time()
        laid_out(small_site, Kind.STATEMENT, long_month(60))
        took.append(time.process_time() - begun)
    assert min(took) < 1.0


def test_a_free_permit_says_so_and_shows_what_was_waived(small_site: Site) -> None:
    with small_site.town.database.transaction() as session:
        reservation_id = small_site.town.hold(session, group=small_site.town.youth).id
    text = flat(printed(small_site, Kind.PERMIT, reservation_id))
    assert "使用料0円（無料）" in text
    assert "-600円" in text
    assert "合計0円" in text


class Listener:
    """A web server that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/css")])
        return [b""]


def payloads(base: str, secret: Path) -> list[str]:
    """Documents' ways of asking for something else."""
    return [
        f"<img src='{secret.as_uri()}'>",
        f"<img src='{base}/image'>",
        "<img src='http://169.254.169.254/latest/meta-data/'>",
        f"<style>@import url('{base}/import');</style>",
        f"<style>p {{ background: url('{base}/background') }}</style>",
        f"<link rel='stylesheet' href='{base}/sheet'>",
        f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{base}/svg' width='9' height='9'/></svg>",
        f"<object data='{base}/object'></object>",
        f"<a rel='attachment' href='{secret.as_uri()}'>x</a>",
    ]


def has_attachment(pdf: bytes) -> bool:
    return any(b"/EmbeddedFile" in body for body in objects_of(pdf).values())


def test_a_name_that_asks_for_files_and_addresses_is_only_a_name(small_site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "s"
    secret.write_text("not for paper")
    listener = Listener()
    with serving(listener) as base:
        for number, payload in enumerate(payloads(base, secret)[1::2]):
            named(small_site, payload[:80])
            reservation_id, payment_id = paid(small_site, wanted=window(10, 12, date(2026, 12, 7 + number)))
            kind, of = ((Kind.RECEIPT, payment_id), (Kind.PERMIT, reservation_id))[number % 2]
            pdf = printed(small_site, kind, of)
            assert payload[:80].replace(" ", "") in flat(pdf)
            assert not has_attachment(pdf)
    assert listener.asked == []


def test_even_a_document_that_asks_fetches_nothing_and_without_the_refusal_it_would(tmp_path: Path) -> None:
    secret = tmp_path / "s"
    secret.write_text("not for paper")
    listener = Listener()
    with serving(listener) as base:
        html = f'<html lang="ja"><title>t</title><p>before{"".join(payloads(base, secret))}</html>'
        paper = pdf_of(html)
        assert "before" in text_of(paper)
        assert not has_attachment(paper)
        assert listener.asked == []
        control = HTML(string=html.replace("http://169.254.169.254", base)).write_pdf()
    assert has_attachment(control)
    assert {"/image", "/import", "/sheet", "/svg", "/latest/meta-data/"} <= set(listener.asked)
