"""What papers say: frozen when they are issued, of what was really sold, paid and given back."""

from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.papers.draft import NothingToIssue
from booking.papers.issuers import NoIssuer
from booking.papers.issuing import issue
from booking.papers.kinds import Kind, month_subject, subject_of
from booking.papers.models import Issuer, Paper
from booking.papers.voids import voids_of
from booking.people.models import Group
from booking.reservations.cancel import cancel
from booking.reservations.models import Reservation, State
from core.errors import NotThere
from core.ids import new_id
from payments import refunds
from payments.invoice_models import Charge, Invoice
from payments.models import Payment, PaymentItem, Refund
from tests.integration.booking.town import NOW, at, window
from tests.integration.pages.conftest import Site
from tests.integration.papers.conftest import issued, paid


def give_back(site: Site, reservation_id: UUID, amount_yen: int, cause: str = "cancelled") -> UUID:
    with site.town.database.transaction() as session:
        (refund,) = refunds.owe(
            session, reference=reservation_id, amount_yen=amount_yen, cause=cause, now=site.clock.now()
        )
        return refund.id


def void(site: Site, paper: Paper) -> bool:
    with site.town.database.reading() as session:
        return bool(voids_of(session, [paper]))


def test_a_receipt_is_a_qualified_invoice_of_what_was_paid(site: Site) -> None:
    _, payment_id = paid(site, wanted=window(18, 20))
    paper = issued(site, Kind.RECEIPT, payment_id)
    says = paper.content
    assert (paper.fiscal_year, paper.number, paper.addressee) == (2026, 1, "見本団体01")
    assert says["issuer"]["name"] == "見本市"
    assert says["issuer"]["registration_number"] == "T9000000000000"
    assert says["paid_on"] == "2026年11月21日(土)"
    assert says["how"] == "クレジットカード"
    assert says["what_for"] == "見本小学校 体育館 全面の使用料"
    assert says["amount_yen"] == 1200
    (item,) = says["items"]
    assert item["when"] == "2026年11月28日(土) 18:00〜20:00"
    assert [(fee["label"], fee["detail"], fee["amount_yen"], fee["percent"]) for fee in item["fees"]] == [
        ("使用料", "300円 × 2時間", 600, 10),
        ("照明使用料", "300円 × 2時間", 600, 10),
    ]
    assert says["rates"] == [{"percent": 10, "gross_yen": 1200, "net_yen": 1091, "tax_yen": 109}]


@pytest.mark.parametrize(
    "changed,words",
    [
        ({"method": "cash"}, "現金（窓口）"),
        ({"method": "slip", "slip_number": 31}, "納付書（第31号）"),
        ({"method": "transfer"}, "口座振込"),
        ({"funds_due_at": NOW}, "コンビニエンスストア払い"),
    ],
)
def test_a_receipt_says_how_it_was_paid(small_site: Site, changed: dict[str, object], words: str) -> None:
    _, payment_id = paid(small_site)
    with small_site.town.database.transaction() as session:
        session.execute(sa.update(Payment).where(Payment.id == payment_id).values(changed))
    assert issued(small_site, Kind.RECEIPT, payment_id).content["how"] == words


def test_a_slip_counts_on_the_day_it_was_paid_not_when_it_was_booked(small_site: Site) -> None:
    _, payment_id = paid(small_site)
    with small_site.town.database.transaction() as session:
        booked = {"method": "slip", "slip_number": 1, "paid_on": date(2026, 11, 18)}
        session.execute(sa.update(Payment).where(Payment.id == payment_id).values(booked))
    assert issued(small_site, Kind.RECEIPT, payment_id).content["paid_on"] == "2026年11月18日(水)"


def test_what_changes_afterwards_changes_no_paper(site: Site) -> None:
    reservation_id, payment_id = paid(site)
    before = issued(site, Kind.RECEIPT, payment_id)
    with site.town.database.transaction() as session:
        session.get_one(Reservation, reservation_id).fee_lines = []
        session.get_one(Group, site.town.general).name = "別の名前"
        session.get_one(Issuer, (site.town.municipality_id, date(2026, 4, 1))).name = "別の市"
    after = issued(site, Kind.RECEIPT, payment_id)
    assert after.id == before.id
    assert after.content == before.content
    assert after.addressee == "見本団体01"


def test_lines_that_do_not_make_up_what_was_paid_are_printed_as_one(small_site: Site) -> None:
    reservation_id, payment_id = paid(small_site)
    with small_site.town.database.transaction() as session:
        session.get_one(Reservation, reservation_id).fee_lines = []
    (item,) = issued(small_site, Kind.RECEIPT, payment_id).content["items"]
    assert [(fee["label"], fee["amount_yen"], fee["percent"]) for fee in item["fees"]] == [
        ("使用料", 600, 10)
    ]


def test_the_registration_number_is_that_of_the_day_of_payment(site: Site) -> None:
    _, payment_id = paid(site)
    site.clock.advance(days=10)
    with site.town.database.transaction() as session:
        old = session.get_one(Issuer, (site.town.municipality_id, date(2026, 4, 1)))
        old.registration_number = None
        kept = {c.name: getattr(old, c.name) for c in Issuer.__table__.columns}
        session.add(
            Issuer(**{**kept, "valid_from": date(2026, 12, 1), "registration_number": "T9000000000000"})
        )
    assert issued(site, Kind.RECEIPT, payment_id).content["issuer"]["registration_number"] is None


def test_nothing_is_issued_before_somebody_stands_on_papers(small_site: Site) -> None:
    _, payment_id = paid(small_site)
    with small_site.town.database.transaction() as session:
        session.execute(sa.delete(Issuer))
    with pytest.raises(NoIssuer):
        issued(small_site, Kind.RECEIPT, payment_id)


def pay_together(site: Site) -> UUID:
    """One payment for two groups: 600 yen for the general one, 600 and 1,200 for the other."""
    parts = [
        (site.town.held(), 600),
        (site.town.held(wanted=window(13, 15)), 600),
        (site.town.held(wanted=window(18, 20)), 1200),
    ]
    payment_id = new_id(NOW)
    with site.town.database.transaction() as session:
        for reservation_id, _ in parts[1:]:
            session.get_one(Reservation, reservation_id).group_id = site.town.youth
        session.add(settled(site, payment_id, parts))
    return payment_id


def settled(site: Site, payment_id: UUID, parts: list[tuple[UUID, int]]) -> Payment:
    """A settled payment for some references."""
    return Payment(
        id=payment_id,
        municipality_id=site.town.municipality_id,
        amount_yen=sum(yen for _, yen in parts),
        state="settled",
        created_at=NOW,
        state_changed_at=NOW,
        deadline_at=NOW,
        return_url="-",
        cancel_url="-",
        settled_at=NOW,
        items=[
            PaymentItem(reference=reference, position=place, label="-", amount_yen=yen)
            for place, (reference, yen) in enumerate(parts)
        ],
    )


def test_one_payment_for_two_groups_has_a_receipt_for_each(site: Site) -> None:
    payment_id = pay_together(site)
    first = issued(site, Kind.RECEIPT, payment_id)
    second = issue_receipt_of(site, f"payment:{payment_id}:1")
    assert (first.group_id, first.content["amount_yen"]) == (site.town.general, 600)
    assert (second.group_id, second.content["amount_yen"]) == (site.town.youth, 1800)
    assert second.content["what_for"] == "学校体育施設使用料（2件）"
    assert second.content["rates"][0]["gross_yen"] == 1800
    with site.town.database.transaction() as session:
        (of_first,) = session.scalars(
            sa.select(PaymentItem.reference).where(
                PaymentItem.payment_id == payment_id, PaymentItem.position == 0
            )
        )
        refunds.owe(session, reference=of_first, amount_yen=600, cause="cancelled", now=site.clock.now())
    assert void(site, first)
    assert not void(site, second)
    with pytest.raises(NotThere):
        issue_receipt_of(site, f"payment:{payment_id}:2")


def issue_receipt_of(site: Site, subject: str) -> Paper:
    with site.town.database.transaction() as session:
        return issue(
            session,
            municipality_id=site.town.municipality_id,
            kind=Kind.RECEIPT,
            subject=subject,
            now=site.clock.now(),
        )


def test_only_a_settled_payment_has_a_receipt(small_site: Site) -> None:
    waiting = small_site.town.start_payment(small_site.town.held())
    with pytest.raises(NothingToIssue):
        issued(small_site, Kind.RECEIPT, waiting)
    with pytest.raises(NotThere):
        issued(small_site, Kind.RECEIPT, UUID(int=1))


def test_a_refund_in_part_leaves_the_receipt_and_has_a_notice_of_its_own(site: Site) -> None:
    reservation_id, payment_id = paid(site)
    receipt = issued(site, Kind.RECEIPT, payment_id)
    site.clock.advance(days=2)
    refund_id = give_back(site, reservation_id, 250, "relief:1")
    assert not void(site, receipt)
    notice = issued(site, Kind.REFUND_NOTICE, refund_id)
    says = notice.content
    assert says["amount_yen"] == 250
    assert says["decided_on"] == "2026年11月23日(月)"
    assert says["cause"] == "減免の決定"
    assert says["rates"] == [{"percent": 10, "gross_yen": 250, "net_yen": 228, "tax_yen": 22}]
    assert says["original"] == {
        "paid_on": "2026年11月21日(土)",
        "how": "クレジットカード",
        "amount_yen": 600,
        "receipt_number": "領2026-000001",
    }
    assert says["issuer"]["registration_number"] == "T9000000000000"


def test_a_full_refund_voids_the_receipt_and_its_number_stays_used(site: Site) -> None:
    reservation_id, payment_id = paid(site)
    receipt = issued(site, Kind.RECEIPT, payment_id)
    give_back(site, reservation_id, 200, "first")
    assert not void(site, receipt)
    give_back(site, reservation_id, 400, "second")
    assert void(site, receipt)
    _, other = paid(site, wanted=window(13, 15))
    assert issued(site, Kind.RECEIPT, other).number == 2
    assert issued(site, Kind.RECEIPT, payment_id).id == receipt.id


def test_money_that_went_back_whole_gets_no_first_receipt(small_site: Site) -> None:
    reservation_id, payment_id = paid(small_site)
    give_back(small_site, reservation_id, 600)
    with pytest.raises(NothingToIssue):
        issued(small_site, Kind.RECEIPT, payment_id)


def test_a_permit_bears_the_number_of_its_reservation_with_its_conditions(site: Site) -> None:
    paid(site, wanted=window(13, 15))
    reservation_id, _ = paid(site, wanted=window(18, 20))
    site.clock.advance(days=1)
    paper = issued(site, Kind.PERMIT, reservation_id)
    says = paper.content
    assert paper.number == site.town.reservation(reservation_id).permit_number == 2
    assert says["permitted_on"] == "2026年11月21日(土)"
    assert (says["where"], says["when"]) == ("見本小学校 体育館 全面", "2026年11月28日(土) 18:00〜20:00")
    assert says["conditions"] == ["許可された目的のほかに使わないこと。", "火気を使わないこと。"]
    assert sum(fee["amount_yen"] for fee in says["fees"]) == says["amount_yen"] == 1200


def test_a_permit_free_of_charge_shows_the_relief_that_made_it_so(site: Site) -> None:
    with site.town.database.transaction() as session:
        made = site.town.hold(session, group=site.town.youth)
        assert made.state == State.CONFIRMED
        reservation_id = made.id
    says = issued(site, Kind.PERMIT, reservation_id).content
    assert says["amount_yen"] == 0
    assert [fee["amount_yen"] for fee in says["fees"]] == [600, -600]


def test_a_permit_is_void_once_its_reservation_is_cancelled(site: Site) -> None:
    reservation_id, _ = paid(site)
    paper = issued(site, Kind.PERMIT, reservation_id)
    other, _ = paid(site, wanted=window(13, 15))
    with site.town.database.transaction() as session:
        actor = site.town.actor(session=session)
        for one in (reservation_id, other):
            cancel(session, actor=actor, reservation_id=one, now=site.clock.now())
    assert void(site, paper)
    with pytest.raises(NothingToIssue):
        issued(site, Kind.PERMIT, other)


def test_a_hold_has_no_permit(small_site: Site) -> None:
    held = small_site.town.held()
    with pytest.raises(NothingToIssue):
        issued(small_site, Kind.PERMIT, held)


def statement_of(site: Site, month: date) -> Paper:
    with site.town.database.transaction() as session:
        return issue(
            session,
            municipality_id=site.town.municipality_id,
            kind=Kind.STATEMENT,
            subject=month_subject(site.town.general, month),
            now=site.clock.now(),
        )


def test_a_month_that_is_over_has_a_statement_that_adds_up(site: Site) -> None:
    kept, _ = paid(site, wanted=window(10, 12))
    gone, _ = paid(site, wanted=window(18, 20))
    with site.town.database.transaction() as session:
        cancel(session, actor=site.town.actor(session=session), reservation_id=gone, now=site.clock.now())
    with pytest.raises(NothingToIssue):
        statement_of(site, date(2026, 11, 1))
    site.clock.instant = at(0, date(2026, 12, 1))
    paper = statement_of(site, date(2026, 11, 1))
    says = paper.content
    assert [line["state"] for line in says["reservations"]] == ["予約確定", "取消し"]
    assert sorted(line["amount_yen"] for line in says["payments"]) == [600, 1200]
    assert [line["amount_yen"] for line in says["refunds"]] == [1200]
    assert (says["used_yen"], says["paid_yen"], says["refunded_yen"]) == (600, 1800, 1200)
    assert says["paid_yen"] - says["refunded_yen"] == says["used_yen"]
    assert site.town.reservation(kept).state == State.CONFIRMED


def test_a_statement_holds_nothing_of_another_group_or_month(site: Site) -> None:
    with site.town.database.transaction() as session:
        site.town.hold(session, group=site.town.youth, wanted=window(18, 20))
    paid(site, wanted=window(10, 12, date(2026, 12, 5)))
    site.clock.instant = at(9, date(2027, 1, 4))
    says = statement_of(site, date(2026, 12, 1)).content
    assert [line["when"] for line in says["reservations"]] == ["12月5日(土) 10:00〜12:00"]
    assert says["payments"] == says["refunds"] == []
    november = statement_of(site, date(2026, 11, 1)).content
    assert november["reservations"] == []
    assert november["paid_yen"] == 600


def test_an_invoice_bills_a_month_with_one_rounding(site: Site) -> None:
    first, _ = paid(site, wanted=window(10, 12))
    second, _ = paid(site, wanted=window(18, 20))
    invoice_id = new_id(NOW)
    with site.town.database.transaction() as session:
        session.add(
            Invoice(
                id=invoice_id,
                municipality_id=site.town.municipality_id,
                payer=site.town.general,
                month=date(2026, 10, 1),
                amount_yen=1505,
                state="issued",
                issued_at=NOW,
                due_on=date(2026, 12, 21),
                next_due_at=NOW + timedelta(days=30),
            )
        )
        session.flush()
        for reference, cause, yen in ((first, "use", 600), (second, "use", 1200), (second, "relief", -295)):
            session.add(
                Charge(
                    municipality_id=site.town.municipality_id,
                    payer=site.town.general,
                    reference=reference,
                    cause=cause,
                    label="見本小学校 体育館",
                    amount_yen=yen,
                    used_on=date(2026, 10, 3),
                    charged_at=NOW,
                    invoice_id=invoice_id,
                )
            )
    says = issued(site, Kind.INVOICE, invoice_id).content
    assert [line["amount_yen"] for line in says["lines"]] == [600, 1200, -295]
    assert says["amount_yen"] == 1505
    assert says["rates"] == [{"percent": 10, "gross_yen": 1505, "net_yen": 1369, "tax_yen": 136}]
    assert (says["month"], says["due_on"]) == ("2026年10月分", "2026年12月21日(月)")
    with site.town.database.transaction() as session:
        payment_id = new_id(NOW)
        session.add(settled(site, payment_id, [(invoice_id, 1505)]))
    receipt = issued(site, Kind.RECEIPT, payment_id)
    assert receipt.group_id == site.town.general
    assert receipt.content["what_for"] == "2026年10月分 学校体育施設使用料（後納）"
    assert receipt.content["rates"] == says["rates"]


def test_a_refund_of_money_that_came_in_wrong_has_no_notice(small_site: Site) -> None:
    reservation_id, payment_id = paid(small_site)
    refund_id = give_back(small_site, reservation_id, 600)
    with small_site.town.database.transaction() as session:
        session.execute(sa.update(Payment).where(Payment.id == payment_id).values(state="mismatched"))
    with pytest.raises(NothingToIssue):
        issued(small_site, Kind.REFUND_NOTICE, refund_id)
    with small_site.town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Refund)) == 1


def test_another_municipalitys_things_are_not_there(small_site: Site) -> None:
    reservation_id, payment_id = paid(small_site)
    refund_id = give_back(small_site, reservation_id, 100)
    for kind, of in (
        (Kind.RECEIPT, payment_id),
        (Kind.PERMIT, reservation_id),
        (Kind.REFUND_NOTICE, refund_id),
    ):
        with small_site.town.database.transaction() as session, pytest.raises(NotThere):
            issue(session, municipality_id=999, kind=kind, subject=subject_of(kind, of), now=NOW)
