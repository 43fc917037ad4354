"""Whatever is posted, the books balance: sets, balances, digests; no part of a fee is lost or made."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.money_desk.fee_split import OTHER, split, weights_of
from core.database import Base, Database
from core.errors import ContractBroken
from core.ids import new_id
from payments import ledger, month_close, movements
from payments.book_models import MonthClose
from payments.exports import FileEncoding, Measure, encoded
from payments.ledger import Account, Line
from payments.models import LedgerEntry, Payment, Refund

TOWN = 312029
NOW = datetime(2026, 11, 21, tzinfo=UTC)
TABLES = [kind.__table__ for kind in (Payment, Refund, LedgerEntry, MonthClose)]
QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True)

accounts = st.sampled_from(list(Account))
yen = st.integers(-10_000_000, 10_000_000)
lines = st.lists(st.builds(Line, accounts, yen), max_size=6)


@contextmanager
def books() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="kaiho-books-") as folder:
        database = Database(f"sqlite:///{folder}/books.sqlite3")
        Base.metadata.create_all(database.engine, tables=TABLES)  # type: ignore[arg-type]
        yield database
        database.dispose()


def is_balanced(one: list[Line]) -> bool:
    return any(line.amount_yen for line in one) and sum(line.amount_yen for line in one) == 0


@st.composite
def balanced(draw: st.DrawFn) -> list[Line]:
    """Lines of which the last makes the sum zero."""
    some = draw(st.lists(st.builds(Line, accounts, yen), min_size=1, max_size=5))
    return [*some, Line(draw(accounts), -sum(line.amount_yen for line in some))]


@QUICK
@given(st.lists(st.one_of(lines, balanced()), max_size=8))
def test_only_balanced_sets_are_posted_and_balances_are_their_sums(sets: list[list[Line]]) -> None:
    expected: dict[Account, int] = defaultdict(int)
    with books() as database:
        for number, one in enumerate(sets):
            try:
                with database.transaction() as session:
                    ledger.post(session, municipality_id=TOWN, set_key=f"set:{number}", lines=one, now=NOW)
            except ContractBroken:
                assert not is_balanced(one)
                continue
            assert is_balanced(one)
            for line in one:
                expected[line.account] += line.amount_yen
        with database.reading() as session:
            totals = ledger.balances(session, municipality_id=TOWN)
            assert totals == {account: expected[account] for account in Account}
            assert sum(totals.values()) == 0
            assert ledger.unbalanced_sets(session) == []
            assert ledger.balances(session, municipality_id=TOWN + 1) == dict.fromkeys(Account, 0)


@QUICK
@given(balanced().filter(is_balanced), st.integers(0, 5), st.integers(-5, 5).filter(bool))
def test_any_yen_changed_by_hand_unbalances_its_set_and_its_months_digest(
    one: list[Line], which: int, by: int
) -> None:
    with books() as database:
        with database.transaction() as session:
            ledger.post(session, municipality_id=TOWN, set_key="set", lines=one, now=NOW)
            before = month_close.summarise(session, municipality_id=TOWN, month=date(2026, 11, 1))
        with database.transaction() as session:
            ids = session.scalars(sa.select(LedgerEntry.id).order_by(LedgerEntry.id)).all()
            session.execute(
                sa.text("UPDATE ledger_entry SET amount_yen = amount_yen + :by WHERE id = :id"
                        " AND amount_yen + :by <> 0"),
                {"by": by, "id": ids[which % len(ids)]},
            )  # fmt: skip
            has_changed = session.scalar(sa.select(sa.func.sum(LedgerEntry.amount_yen))) != 0
        with database.reading() as session:
            after = month_close.summarise(session, municipality_id=TOWN, month=date(2026, 11, 1))
            assert (ledger.unbalanced_sets(session) == ["set"]) is has_changed
            assert (after.digest != before.digest) is has_changed


@pytest.mark.parametrize("same", [True, False])
def test_lines_keep_their_order_reference_and_ids(same: bool) -> None:

    reference = new_id(NOW)
    with books() as database:
        with database.transaction() as session:
            ledger.post(
                session,
                municipality_id=TOWN,
                set_key="set",
                lines=[
                    Line(Account.CASH, 5, reference),
                    Line(Account.RELIEF, 0),
                    Line(Account.CASH if same else Account.BANK, 2),
                    Line(Account.USAGE_FEES, -7),
                ],
                now=NOW,
            )
        with database.reading() as session:
            rows = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.line)).all()
    assert [(row.line, row.amount_yen, row.reference, row.at) for row in rows] == [
        (1, 5, reference, NOW),
        (2, 2, None, NOW),
        (3, -7, None, NOW),
    ]
    assert {row.set_key for row in rows} == {"set"}


@QUICK
@given(st.sampled_from(sorted(movements.BANK_TRANSFERS | movements.STRIPE_CHARGES | {"charge"})), yen, yen)
def test_what_stripe_alone_knows_is_booked_balanced_and_as_stripe_counts_it(
    kind: str, amount: int, fee: int
) -> None:
    own = movements.own_lines(kind, amount)
    assert sum(line.amount_yen for line in own) == 0
    on_balance = sum(line.amount_yen for line in own if line.account is Account.STRIPE_BALANCE)
    assert on_balance == (0 if kind == "charge" else amount)
    kept = movements.fee_lines(fee)
    assert [line.amount_yen for line in kept] == [fee, -fee]


weights = st.dictionaries(st.sampled_from(["base", "lighting", "heating", "cooling"]), st.integers(1, 90_000))


@given(yen, weights)
def test_parts_of_an_amount_sum_to_it_and_follow_their_weights(amount: int, by: dict[str, int]) -> None:
    parts = split(amount, by)
    assert sum(parts.values()) == amount
    if not by:
        assert parts == {OTHER: amount}
        return
    assert set(parts) == set(by)
    total = sum(by.values())
    for item, part in parts.items():
        assert abs(part * total - amount * by[item]) < total, "within a yen of its share"
        assert part * amount >= 0


@given(st.lists(st.tuples(st.sampled_from(["base", "lighting"]), st.integers(0, 5000), st.integers(0, 100))))
def test_weights_are_what_is_paid_and_what_is_relieved_of_each_item(sold: list[tuple[str, int, int]]) -> None:
    frozen: list[dict[str, object]] = []
    for item, amount, percent in sold:
        frozen.append({"item": item, "amount_yen": amount})
        frozen.append({"item": f"relief_{item}", "amount_yen": -(amount * percent // 100)})
    paid, relieved = weights_of(frozen, is_relief=False), weights_of(frozen, is_relief=True)
    assert sum(paid.values()) == sum(int(str(line["amount_yen"])) for line in frozen)
    assert sum(paid.values()) + sum(relieved.values()) == sum(amount for _, amount, _ in sold)
    assert all(share > 0 for share in (*paid.values(), *relieved.values()))


@given(st.text(), st.sampled_from(list(FileEncoding)))
def test_any_text_can_be_written_in_either_encoding(text: str, encoding: FileEncoding) -> None:
    text = text.encode("utf-8", "ignore").decode()
    measure = Measure()
    file = b"".join(encoded(["列"], [[text]], encoding, measure))
    assert file.decode(encoding)
    assert measure.replaced <= len(text)
    if encoding is FileEncoding.CP932 and measure.replaced:
        assert "〓" in file.decode(encoding)


@given(st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_months_follow_each_other_without_gap_or_overlap(day: date) -> None:
    begin, end = month_close.bounds(day)
    assert end == month_close.bounds(month_close.after(day))[0]
    assert timedelta(days=28) <= end - begin <= timedelta(days=31)
    assert begin.astimezone(UTC).hour == end.hour == 15
