"""A movement that nothing of ours explains: a person says what it was, above the limit with a second one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.errors import BadInput, NotThere
from core.ids import new_id
from payments import explained
from payments.book_models import MovementExplanation, StripeMovement
from payments.case_models import Case
from payments.explained import ExplainedAlready, SamePerson
from payments.ledger import Account
from tests.integration.payments.conftest import START, TOWN, Till
from tests.integration.payments.test_settlement import at_rest, cases, run

CLERK, CHIEF = new_id(START), new_id(START)
LIMIT_YEN = 10000


def moved(till: Till, amount: int = -700, kind: str = "adjustment", currency: str = "jpy") -> str:
    """Something that nothing explains, told by a case; the case's subject."""
    till.paid(new_id(till.clock.now()))
    books = till.stripe.books
    books.move(kind, amount, "adj_1", None)
    books.movements[-1] = replace(books.movements[-1], currency=currency)
    till.clock.advance(hours=23)
    run(till)
    [subject] = cases(till)
    return subject


def explain(
    till: Till, subject: str, *, account: str = Account.SUNDRY, note: str = "口座の手直し", town: int = TOWN
) -> None:
    with till.database.transaction() as session:
        explained.explain(
            session,
            municipality_id=town,
            subject=subject,
            account=account,
            note=note,
            actor=CLERK,
            alone_up_to_yen=LIMIT_YEN,
            now=till.clock.now(),
        )


def agree(till: Till, subject: str, actor: UUID) -> None:
    with till.database.transaction() as session:
        explained.agree(session, municipality_id=TOWN, subject=subject, actor=actor, now=till.clock.now())


def take_back(till: Till, subject: str, actor: UUID) -> None:
    with till.database.transaction() as session:
        explained.take_back(session, municipality_id=TOWN, subject=subject, actor=actor, now=till.clock.now())


def acts(till: Till) -> list[str]:
    with till.database.reading() as session:
        statement = sa.select(AuditEntry.act).where(AuditEntry.act.like("movement.%"))
        return list(session.scalars(statement.order_by(AuditEntry.number)))


@pytest.mark.parametrize(("amount", "account"), [(-700, "sundry"), (LIMIT_YEN, "bank"), (-3, "stripe_fees")])
def test_it_is_booked_and_met_and_its_case_is_closed(till: Till, amount: int, account: str) -> None:
    """The case that came back with every run before is the control."""
    subject = moved(till, amount)
    run(till)
    assert cases(till) == {subject: -amount}
    before = till.balances()
    explain(till, subject, account=account)
    assert cases(till) == {}
    after = till.balances()
    assert after.get(account, 0) - before.get(account, 0) == -amount
    assert after["stripe_balance"] - before["stripe_balance"] == amount
    at_rest(till)
    assert acts(till) == ["movement.explain", "movement.book"]
    with pytest.raises(ExplainedAlready):
        explain(till, subject)


def test_above_the_limit_a_second_person_agrees_once(till: Till) -> None:
    subject = moved(till, -LIMIT_YEN - 1)
    before = till.balances()
    explain(till, subject)
    assert (till.balances(), set(cases(till))) == (before, {subject})
    with pytest.raises(SamePerson):
        agree(till, subject, CLERK)
    with pytest.raises(ExplainedAlready):
        explain(till, subject, account=Account.BANK)
    agree(till, subject, CHIEF)
    with pytest.raises(ExplainedAlready):
        agree(till, subject, CHIEF)
    assert till.balances()["sundry"] == LIMIT_YEN + 1
    at_rest(till)


@pytest.mark.parametrize("hours", [23, 25])
def test_small_ones_of_one_person_count_together_within_a_day(till: Till, hours: int) -> None:
    """A day later each stands alone: the control."""
    first = moved(till, -LIMIT_YEN)
    explain(till, first)
    till.clock.advance(hours=hours - 23)
    second = moved(till, -1)
    explain(till, second)
    assert (second in cases(till)) == (hours == 23)


def test_the_table_itself_wants_two_people_above_the_limit(till: Till) -> None:
    subject = moved(till, -LIMIT_YEN - 1)
    explain(till, subject)
    statement = sa.text("UPDATE movement_explanation SET booked_at = made_at, booked_by = made_by")
    with pytest.raises(sa.exc.IntegrityError), till.database.transaction() as session:
        session.execute(statement)


def test_what_is_taken_back_can_be_explained_anew(till: Till) -> None:
    subject = moved(till, -LIMIT_YEN - 1)
    explain(till, subject)
    take_back(till, subject, CHIEF)
    with pytest.raises(NotThere):
        agree(till, subject, CHIEF)
    explain(till, subject, account=Account.BANK)
    agree(till, subject, CHIEF)
    assert till.balances()["bank"] == LIMIT_YEN + 1
    assert acts(till) == ["movement.explain", "movement.take_back", "movement.explain", "movement.book"]


def test_a_set_that_explains_it_after_all_is_quicker(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=LIMIT_YEN + 1)
    till.clock.advance(hours=23)
    run(till)
    [subject] = cases(till)
    explain(till, subject)
    till.settle_one(payment_id)
    run(till)
    with pytest.raises(ExplainedAlready):
        agree(till, subject, CHIEF)
    assert "sundry" not in till.balances()
    assert cases(till) == {}


def test_other_money_is_confirmed_and_nothing_is_booked(till: Till) -> None:
    subject = moved(till, 900, currency="usd")
    before = till.balances()
    explain(till, subject, account="")
    assert set(cases(till)) == {subject}, "its worth in yen is not known: a second person looks"
    agree(till, subject, CHIEF)
    assert (till.balances(), cases(till)) == (before, {})
    done = run(till)
    assert (done.found.open, done.found.under_way) == ((), ())


@pytest.mark.parametrize("account", ["", "usage_fees", "unallocated", "nonsense"])
def test_only_accounts_without_rows_of_ours_behind_them_may_be_chosen(till: Till, account: str) -> None:
    subject = moved(till)
    with pytest.raises(BadInput, match=r"^account$") as refused:
        explain(till, subject, account=account)
    assert refused.value.sentence == "勘定科目を選んでください。"
    for note in ("", "  ", "x" * 301):
        with pytest.raises(BadInput, match=r"^note$") as refused:
            explain(till, subject, note=note)
        assert refused.value.sentence == "何の入出金かを300字以内で書いてください。"
    assert acts(till) == []


@pytest.mark.parametrize("note", ["x", "x" * 300])
def test_a_note_may_be_of_one_letter_and_of_three_hundred(till: Till, note: str) -> None:
    subject = moved(till)
    explain(till, subject, note=f" {note} ")
    with till.database.reading() as session:
        assert session.scalars(sa.select(MovementExplanation.note)).one() == note


def explained_before(
    till: Till, *, by: UUID = CLERK, town: int = TOWN, for_two: bool = False, days_ago: float = 0.5
) -> None:
    """Somebody booked all that one person may alone."""
    at = till.clock.now() - timedelta(days=days_ago)
    with till.database.transaction() as session:
        number = session.scalar(sa.select(sa.func.count()).select_from(StripeMovement))
        session.add(
            StripeMovement(
                id=f"txn_before_{number}",
                municipality_id=town,
                type="adjustment",
                amount=LIMIT_YEN,
                fee=0,
                net=LIMIT_YEN,
                currency="jpy",
                created_at=at,
                available_on=at,
                copied_at=at,
            )
        )
        session.flush()
        session.add(
            MovementExplanation(
                movement_id=f"txn_before_{number}",
                municipality_id=town,
                account="sundry",
                note="x",
                needs_second=for_two,
                made_at=at,
                made_by=by,
                booked_at=at,
                booked_by=CHIEF if for_two else by,
            )
        )


@pytest.mark.parametrize(
    ("before", "for_two"),
    [
        ({}, True),
        ({"by": CHIEF}, False),
        ({"town": TOWN + 1}, False),
        ({"for_two": True}, False),
        ({"days_ago": 1}, False),
        (None, False),
    ],
)
def test_only_what_the_same_person_booked_alone_in_this_town_counts(
    till: Till, before: dict[str, Any] | None, for_two: bool
) -> None:
    subject = moved(till, -1)
    for _ in range(2):
        if before is not None:
            explained_before(till, **before)
    with till.database.reading() as session:
        movement = explained.movement_of(session, municipality_id=TOWN, subject=subject)
        assert movement is not None
        assert for_two == explained.needs_second(
            session, movement, actor=CLERK, alone_up_to_yen=LIMIT_YEN, now=till.clock.now()
        )


def test_a_case_leads_to_its_movement_until_that_is_explained(till: Till) -> None:
    subject = moved(till)

    def found(of: str = subject, town: int = TOWN) -> str | None:
        with till.database.reading() as session:
            movement = explained.movement_of(session, municipality_id=town, subject=of)
            return None if movement is None else f"movement:{movement.id}"

    assert found() == subject
    # Movements that others explain, or none: nobody is asked about them.
    assert (found("total"), found(subject.removeprefix("movement:")), found(town=TOWN + 1)) == (None,) * 3
    explain(till, subject)
    assert found() is None


def test_who_did_what_to_it_is_kept(till: Till) -> None:
    subject = moved(till, -LIMIT_YEN - 1)
    explain(till, subject)
    take_back(till, subject, CHIEF)
    explain(till, subject, account=Account.BANK, note="別の口座")
    agree(till, subject, CHIEF)
    with till.database.reading() as session:
        statement = sa.select(AuditEntry).where(AuditEntry.act.like("movement.%")).order_by(AuditEntry.number)
        rows = session.scalars(statement).all()
        note = session.scalars(sa.select(Case.closing_note).where(Case.subject == subject)).one()
    first = {"account": "sundry", "note": "口座の手直し"}
    second = {"account": "bank", "note": "別の口座"}
    assert [(row.act, row.actor, row.detail) for row in rows] == [
        ("movement.explain", str(CLERK), first),
        ("movement.take_back", str(CHIEF), first),
        ("movement.explain", str(CLERK), second),
        ("movement.book", str(CHIEF), second),
    ]
    assert note == "職員が説明し、記帳しました。"


@pytest.mark.parametrize("subject", ["total", "movement:", "movement:txn_99", "set:x"])
def test_what_is_not_there_or_another_towns_cannot_be_explained(till: Till, subject: str) -> None:
    with pytest.raises(NotThere):
        explain(till, subject)
    theirs = moved(till)
    with pytest.raises(NotThere):
        explain(till, theirs, town=TOWN + 1)
