"""The books on screen and as files: balances, journal, settlements, payouts, months, exports."""

import csv
import io
import re
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.money_desk import export_rows
from booking.money_desk.nightly import WORDS, run_night
from booking.people.models import Group
from booking.reservations.models import Reservation
from core import audit
from core.ids import new_id
from payments import ledger
from payments.book_models import MonthClose, SettlementRun, StripeMovement, StripePayout
from payments.comparing import GRACE
from payments.exports import FileEncoding
from payments.ledger import Account, Line
from payments.models import Payment, PaymentItem, Refund
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.town import NOW

PAGE = "/manage/money/books"
PAGES = (
    PAGE,
    f"{PAGE}/journal",
    f"{PAGE}/settlements",
    f"{PAGE}/payouts",
    f"{PAGE}/months",
    f"{PAGE}/months/2026-11",
    f"{PAGE}/exports",
    f"{PAGE}/audit",
)
OCTOBER = datetime.fromisoformat("2026-10-15T12:00:00+09:00")


def text(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def seen(page: str) -> str:
    """Words on a page, tags taken out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def town(manage: Manage) -> int:
    """The municipality."""
    return manage.manager.municipality_id


def book(manage: Manage, key: str, yen: int, at: datetime = NOW, *, reference: UUID | None = None) -> None:
    with manage.database.transaction() as session:
        lines = [Line(Account.CASH, yen, reference), Line(Account.USAGE_FEES, -yen, reference)]
        town = manage.manager.municipality_id
        ledger.post(session, municipality_id=town, set_key=key, lines=lines, now=at)


def pay(manage: Manage, town: int, *, label: str = "見本体育館", at: datetime = OCTOBER) -> UUID:
    """A cash payment for the evening's reservation, and its entries; the reservation."""
    payment_id = new_id(at)
    with manage.database.transaction() as session:
        reservation = session.scalars(
            sa.select(Reservation).where(Reservation.state == "confirmed").limit(1)
        ).one()
        reservation.amount_yen = 800
        reservation.fee_lines = [
            {"item": "base", "label": "使用料", "hours": 2, "yen_per_hour": 250, "amount_yen": 500},
            {"item": "lighting", "label": "照明", "hours": 2, "yen_per_hour": 150, "amount_yen": 300},
        ]
        session.add(
            Payment(
                id=payment_id,
                municipality_id=town,
                amount_yen=800,
                captured_amount=800,
                captured_currency="jpy",
                state="settled",
                method="cash",
                created_at=at,
                state_changed_at=at,
                settled_at=at,
                deadline_at=at,
                return_url="",
                cancel_url="",
                items=[
                    PaymentItem(
                        reference=reservation.id, position=1, label=label, amount_yen=800, is_standing=False
                    )
                ],
            )
        )
        session.flush()
        lines = [Line(Account.CASH, 800), Line(Account.USAGE_FEES, -800, reservation.id)]
        key = f"capture:{payment_id}"
        ledger.post(session, municipality_id=town, set_key=key, lines=lines, payment_id=payment_id, now=at)
        return reservation.id


def test_every_page_answers_while_the_books_are_empty(desk: FlaskClient) -> None:
    for page in PAGES:
        assert " style=" not in text(desk, page)
    assert "まだ仕訳がありません" in text(desk, PAGE)
    assert "この期間の仕訳はありません" in text(desk, f"{PAGE}/journal")
    assert "照合はまだ行われていません" in text(desk, f"{PAGE}/settlements")


@pytest.mark.parametrize("page", PAGES)
def test_others_do_not_see_the_books(manage: Manage, page: str) -> None:
    assert manage.client(manage.resident).get(page).status_code == 404
    assert manage.client(None).get(page).status_code == 303


def test_balances_are_drawn_and_told_on_the_side_where_they_stand(manage: Manage, desk: FlaskClient) -> None:
    book(manage, "capture:1", 1200)
    page = text(desk, PAGE)
    words = seen(page)
    assert re.search(r"現金 1,200円", words)
    assert re.search(r"使用料収入 1,200円", words)
    assert "合計 1,200円 1,200円" in words
    assert page.count('class="bar-debit"') == page.count('class="bar-credit"') == 1


def test_the_journal_of_a_day_and_a_month_has_its_sets_in_order(manage: Manage, desk: FlaskClient) -> None:
    book(manage, "capture:1", 100, NOW - timedelta(days=1))
    book(manage, "hand_in:2", 250, NOW)
    book(manage, "capture:3", 999, OCTOBER)
    month = seen(text(desk, f"{PAGE}/journal?month=2026-11"))
    assert month.index("100円") < month.index("現金の納付")
    assert "999円" not in month
    day = seen(text(desk, f"{PAGE}/journal?day=2026-11-21"))
    assert "250円" in day
    assert "100円" not in day


@pytest.mark.parametrize(
    ("sought", "finds"),
    [
        ("250", True),
        ("2,500", False),
        ("納付", True),
        ("使用料", True),
        ("還付", False),
        ("hand_in", True),
        ("%", False),
    ],
)
def test_the_journal_is_searched_by_amount_word_and_number(
    manage: Manage, desk: FlaskClient, sought: str, finds: bool
) -> None:
    book(manage, "hand_in:2", 250)
    page = text(desk, f"{PAGE}/journal?q={sought}")
    assert ("該当する伝票はありません" not in page) is finds


def test_the_journal_is_searched_by_reservation(manage: Manage, desk: FlaskClient) -> None:
    reference = new_id(NOW)
    book(manage, "capture:1", 250, reference=reference)
    assert "250円" in text(desk, f"{PAGE}/journal?q={reference}")
    assert "該当する伝票はありません" in text(desk, f"{PAGE}/journal?q={new_id(NOW)}")


def test_a_long_journal_goes_on_with_another_page(manage: Manage, desk: FlaskClient) -> None:
    for number in range(60):
        book(manage, f"capture:{number}", 1000 + number)
    first = text(desk, f"{PAGE}/journal")
    assert first.count('class="journal-head"') == 50
    more = re.search(r'href="(\?month=2026-11&amp;after=\d+)"', first)
    assert more
    second = text(desk, f"{PAGE}/journal{more.group(1).replace('&amp;', '&')}")
    assert second.count('class="journal-head"') == 10
    assert "1,059円" in second


def test_pages_ask_as_much_for_many_entries_as_for_few(manage: Manage, desk: FlaskClient) -> None:
    book(manage, "capture:a", 5)
    for page in (PAGE, f"{PAGE}/journal", f"{PAGE}/months"):
        desk.get(page)
        with counted(manage.database) as few:
            desk.get(page)
        for number in range(5):
            book(manage, f"{page}:{number}", 5)
        with counted(manage.database) as many:
            desk.get(page)
        assert len(few) == len(many) <= 7


def settled(manage: Manage, town: int, at: datetime, **figures: object) -> None:
    with manage.database.transaction() as session:
        session.add(SettlementRun(municipality_id=town, begun_at=at, ended_at=at, **figures))


def test_a_settlement_is_told_with_its_figures_and_differences(
    manage: Manage, desk: FlaskClient, town: int
) -> None:
    told = {"subject": "movement:txn_9", "yen": -900, "since": NOW.isoformat()}
    settled(manage, town, NOW, stripe_yen=5000, ledger_yen=4100, differences=[told])
    words = seen(text(desk, f"{PAGE}/settlements"))
    assert "決済会社にある入出金が帳簿にない -900円" in words
    assert "5,000 円" in words
    settled(manage, town, NOW, stripe_yen=5000, ledger_yen=5000, differences=[])
    assert "一致しています" in text(desk, f"{PAGE}/settlements")


def test_a_payout_is_shown_with_what_it_carried(manage: Manage, desk: FlaskClient, town: int) -> None:
    with manage.database.transaction() as session:
        session.add(
            StripePayout(
                id="po_1",
                municipality_id=town,
                amount=1446,
                state="paid",
                arrives_on=date(2026, 11, 25),
                created_at=NOW,
                copied_at=NOW,
                checked_at=NOW,
            )
        )
        for number, (kind, amount, fee) in enumerate((("charge", 1500, 54), ("payout", -1446, 0))):
            session.add(
                StripeMovement(
                    id=f"txn_{number}",
                    municipality_id=town,
                    type=kind,
                    amount=amount,
                    fee=fee,
                    net=amount - fee,
                    currency="jpy",
                    source_id="po_1" if kind == "payout" else "ch_1",
                    created_at=NOW,
                    available_on=NOW,
                    copied_at=NOW,
                    payout_id="po_1",
                )
            )
    assert "1,446円" in text(desk, f"{PAGE}/payouts")
    words = seen(text(desk, f"{PAGE}/payouts/po_1"))
    assert "明細の合計は送金額と一致しています" in words
    assert "1,446円 1,500円 54円" in words
    assert "-1,446円" not in words
    assert desk.get(f"{PAGE}/payouts/po_2").status_code == 404


def test_the_audit_of_the_night_names_every_check(manage: Manage, desk: FlaskClient, town: int) -> None:
    run_night(manage.database, manage.clock, municipality_id=town)
    words = seen(text(desk, f"{PAGE}/audit"))
    for word in WORDS.values():
        assert word in words


def digits(page: str) -> str:
    found = re.search(r'class="digits">(\d{4})<', page)
    assert found
    return found.group(1)


def test_a_month_is_closed_with_its_digits_and_stays_so(manage: Manage, desk: FlaskClient, town: int) -> None:
    book(manage, "capture:1", 700, OCTOBER)
    address = f"{PAGE}/months/2026-10"
    assert "決済会社との照合がまだ済んでいません" in text(desk, address)
    settled(manage, town, datetime.fromisoformat("2026-11-01T00:00:00+09:00") + GRACE)
    page = text(desk, address)
    wrong = f"{(int(digits(page)) + 1) % 10000:04d}"
    refused = post(desk, address, address, {"check": wrong})
    assert refused.status_code in (409, 422)
    assert "確認番号が一致しません" in refused.get_data(as_text=True)
    for _ in range(2):
        done = desk.post(address, data={"check": digits(page), "csrf_token": token(page)})
        assert (done.status_code, done.headers["Location"]) == (303, f"{address}?done=1")
    after = seen(text(desk, f"{address}?done=1"))
    assert "締めました" in after
    assert "見本 係長" in after
    assert "締め済み" in seen(text(desk, f"{PAGE}/months"))
    with manage.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(MonthClose)) == 1


def token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found.group(1)


@pytest.mark.parametrize("month", ["2026-13", "x", "1999-01"])
def test_a_month_that_is_none_is_not_there(desk: FlaskClient, month: str) -> None:
    assert desk.get(f"{PAGE}/months/{month}").status_code == 404


def export(desk: FlaskClient, kind: str, encoding: str = "utf-8", **fields: str) -> TestResponse:
    asked = {"kind": kind, "encoding": encoding, "span": "month", "month": "2026-10", **fields}
    return post(desk, f"{PAGE}/exports", f"{PAGE}/exports", asked)


def lines_of(answer: TestResponse, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.data.decode(encoding), newline="")))


def test_the_journal_as_a_file_balances(manage: Manage, desk: FlaskClient, town: int) -> None:
    pay(manage, town)
    book(manage, "capture:x", 100, NOW)
    answer = export(desk, "journal")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="journal-2026-10.csv"'
    lines = lines_of(answer)
    assert [(one["勘定科目"], one["借方(円)"], one["貸方(円)"]) for one in lines] == [
        ("現金", "800", ""),
        ("使用料収入", "", "800"),
    ]
    assert lines[0]["日付"] == "2026-10-15"
    assert lines[0]["摘要"] == "入金"
    assert len(lines_of(export(desk, "journal", span="year", year="2026"))) == 4


def test_payments_and_refunds_as_files_name_group_place_and_day(
    manage: Manage, desk: FlaskClient, town: int
) -> None:
    reference = pay(manage, town)
    with manage.database.transaction() as session:
        payment = session.scalars(sa.select(Payment).where(Payment.method == "cash")).one()
        session.add(
            Refund(
                id=new_id(NOW),
                municipality_id=town,
                payment_id=payment.id,
                reference=reference,
                amount_yen=300,
                cause="cancelled",
                state="owed",
                created_at=OCTOBER,
                state_changed_at=OCTOBER,
                next_due_at=OCTOBER,
            )
        )
    [paid] = lines_of(export(desk, "payments"))
    assert (paid["入金額(円)"], paid["内訳(円)"], paid["方法"], paid["状態"]) == (
        "800",
        "800",
        "現金",
        "入金済",
    )
    assert (paid["団体"], paid["施設"], paid["室場"], paid["利用日"]) == (
        "見本団体01",
        "近くの小学校",
        "体育館",
        "2026-11-21",
    )
    [back] = lines_of(export(desk, "refunds"))
    assert (back["金額(円)"], back["状態"], back["団体"]) == ("300", "未払", "見本団体01")


def test_totals_are_by_account_place_and_item_and_sum_to_the_books(
    manage: Manage, desk: FlaskClient, town: int
) -> None:
    pay(manage, town)
    lines = lines_of(export(desk, "totals"))
    told = {(one["勘定科目"], one["費目"]): int(one["差引(円)"]) for one in lines}
    assert told == {
        ("現金", ""): 800,
        ("使用料収入", "使用料"): -500,
        ("使用料収入", "照明使用料"): -300,
    }
    assert {one["施設"] for one in lines if one["費目"]} == {"近くの小学校"}
    assert sum(told.values()) == 0


def test_an_export_is_audited_with_what_went_out(manage: Manage, desk: FlaskClient, town: int) -> None:
    with manage.database.transaction() as session:
        session.execute(sa.update(Group).values(name="𠮷野クラブ🏐"))
    pay(manage, town, label="=1+1")
    answer = export(desk, "payments", "cp932")
    [line] = lines_of(answer, "cp932")
    assert (line["団体"], line["内訳"]) == ("〓野クラブ〓", "'=1+1")
    assert answer.headers["X-Replaced-Characters"] == "2"
    with manage.database.reading() as session:
        [act] = audit.acts_on(session, municipality_id=town, subjects=["books:export"], limit=9)
    assert (act.act, act.actor) == ("books.export", str(manage.manager.id))
    assert (act.detail["kind"], act.detail["rows"], act.detail["replaced"]) == ("payments", 1, 2)
    words = seen(text(desk, f"{PAGE}/exports"))
    assert "入金一覧 1行 〓 2字" in words


@pytest.mark.parametrize(
    "wrong", [{"kind": "x"}, {"encoding": "x"}, {"month": "2026-13"}, {"span": "year", "year": "1900"}]
)
def test_what_cannot_be_exported_is_refused_and_leaves_no_trace(
    manage: Manage, desk: FlaskClient, town: int, wrong: dict[str, str]
) -> None:
    asked = {"kind": "journal", "encoding": "utf-8", "span": "month", "month": "2026-11", **wrong}
    assert post(desk, f"{PAGE}/exports", f"{PAGE}/exports", asked).status_code == 400
    with manage.database.reading() as session:
        assert audit.acts_on(session, municipality_id=town, subjects=["books:export"], limit=9) == []


def test_an_export_without_a_token_is_refused(desk: FlaskClient) -> None:
    assert desk.post(f"{PAGE}/exports", data={"kind": "journal"}).status_code in (400, 403)


def test_a_file_of_several_pieces_has_every_row_once(
    manage: Manage, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "PIECE", 3)
    for number in range(4):
        book(manage, f"capture:{number}", 10 + number, OCTOBER)
    lines = lines_of(export(desk, "journal", FileEncoding.UTF_8))
    assert sorted(int(one["借方(円)"]) for one in lines if one["借方(円)"]) == [10, 11, 12, 13]
    assert len(lines) == 8
    assert sum(int(one["差引(円)"]) for one in lines_of(export(desk, "totals"))) == 0
