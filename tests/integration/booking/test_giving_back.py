"""What giving up brings back: by the policy as sold, never worse than shown, more under an alert."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.people.models import Role
from booking.places import closures
from booking.places.models import Municipality
from booking.refunding import alerts, batches, policies
from booking.refunding.alerts import AlertKind
from booking.refunding.models import AlertDay
from booking.refunding.policies import Terms
from booking.refunding.policy_models import RefundPolicy
from booking.reservations.cancel import QuoteWorse, quote_here
from booking.reservations.models import Reservation, State
from core.clock import start_of_day
from core.errors import BadInput, NotThere
from core.window import Window
from payments import invoices
from payments.invoice_models import Charge
from payments.models import Refund
from tests.integration.booking.refunding import TODAY, acts, clerk, give_up, owed, sell_by, told
from tests.integration.booking.test_races import at_once
from tests.integration.booking.town import DAY, NOW, Town, at, window

STAGED = ((3 * 86400, 100), (86400, 50))
A_DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ALL_DAY = Window(start_of_day(DAY), start_of_day(DAY) + A_DAY)


def declare(town: Town, *, kind: AlertKind = AlertKind.HEAT, facility_id: int | None = None) -> int:
    with town.database.transaction() as session:
        return alerts.declare(
            session,
            actor=clerk(town, session),
            kind=kind,
            facility_id=facility_id,
            window=ALL_DAY,
            note="見本",
            now=NOW,
        ).id


def withdraw(town: Town, alert_id: int) -> None:
    with town.database.transaction() as session:
        alerts.withdraw(session, actor=clerk(town, session), alert_id=alert_id, now=NOW + SECOND)


def test_what_is_sold_carries_the_policy_of_the_day_and_keeps_it(town: Town) -> None:
    sell_by(town, *STAGED, kept_yen=50, unused_percent=30, alert_percent=80)
    first = town.confirmed()
    sell_by(town)
    second = town.confirmed(wanted=window(13, 15))
    assert town.reservation(first).policy == {
        "version": 2,
        "stages": [{"before_s": 3 * 86400, "percent": 100}, {"before_s": 86400, "percent": 50}],
        "kept_yen": 50,
        "unused_percent": 30,
        "alert_percent": 80,
        "free_cancel_until": NOW.isoformat(),
    }
    assert town.reservation(second).policy["stages"] == []
    give_up(town, first, now=at(10) - A_DAY)
    give_up(town, second, now=NOW)
    assert owed(town) == [(first, 250, "cancelled")]
    assert {params["refund_yen"] for params in told(town, "cancelled")} == {250, 0}


@pytest.mark.parametrize(
    ("before", "yen"), [(3 * A_DAY, 600), (3 * A_DAY - SECOND, 300), (A_DAY, 300), (A_DAY - SECOND, 0)]
)
def test_a_stage_gives_its_part_until_its_last_second(town: Town, before: timedelta, yen: int) -> None:
    sell_by(town, *STAGED)
    sold = town.confirmed()
    give_up(town, sold, now=at(10) - before)
    assert [amount for _, amount, _ in owed(town)] == ([yen] if yen else [])


def test_a_quote_that_got_worse_is_refused_and_nothing_happens(town: Town) -> None:
    sell_by(town, *STAGED)
    sold = town.confirmed()
    with pytest.raises(QuoteWorse):
        give_up(town, sold, now=at(10) - A_DAY, accepts_loss_yen=0)
    with pytest.raises(QuoteWorse):
        give_up(town, sold, now=at(10) - A_DAY, accepts_loss_yen=299)
    assert town.reservation(sold).state == State.CONFIRMED
    assert give_up(town, sold, now=at(10) - A_DAY, accepts_loss_yen=300).state == State.CANCELLED
    assert owed(town) == [(sold, 300, "cancelled")]


def test_control_without_what_was_accepted_the_deadline_takes_it_in_silence(town: Town) -> None:
    sell_by(town, *STAGED)
    sold = town.confirmed()
    assert give_up(town, sold, now=at(10) - SECOND).state == State.CANCELLED
    assert owed(town) == []


def test_what_was_given_back_already_is_not_given_twice(town: Town) -> None:
    sold = town.confirmed()
    with town.database.transaction() as session:
        batches.make(
            session,
            actor=clerk(town, session),
            request_key="k" * 16,
            reason="見本",
            amounts={sold: 200},
            now=NOW,
        )
    with town.database.reading() as session:
        quote = quote_here(session, session.get_one(Reservation, sold), now=NOW)
    assert (quote.refund_yen, quote.amount_yen, quote.is_free) == (400, 400, True)
    give_up(town, sold, now=NOW)
    assert sum(amount for _, amount, _ in owed(town)) == 600


def test_a_closure_gives_back_what_is_left_and_says_how_much(town: Town) -> None:
    sell_by(town, kept_yen=100)
    sold = town.confirmed()
    with town.database.transaction() as session:
        batches.make(
            session,
            actor=clerk(town, session),
            request_key="k" * 16,
            reason="見本",
            amounts={sold: 200},
            now=NOW,
        )
        closures.close(
            session,
            actor=clerk(town, session),
            facility_id=town.gym,
            space_id=None,
            window=ALL_DAY,
            reason="見本",
            now=NOW,
        )
    assert sorted((amount, cause.partition(":")[0]) for _, amount, cause in owed(town)) == [
        (200, "batch"),
        (400, "revoked"),
    ]
    assert [params["refund_yen"] for params in told(town, "revoked")] == [400]


def test_what_is_paid_by_invoice_is_let_off_and_no_money_moves(town: Town) -> None:
    sell_by(town, (86400, 50))
    sold = town.held()
    with town.database.transaction() as session:
        reservation = session.get_one(Reservation, sold)
        reservation.state, reservation.next_due_at = State.CONFIRMED, at(13)
        invoices.charge(
            session,
            municipality_id=town.municipality_id,
            payer=town.general,
            reference=sold,
            label="見本",
            amount_yen=600,
            used_on=DAY,
            now=NOW,
        )
    give_up(town, sold, now=at(10) - A_DAY)
    with town.database.reading() as session:
        assert session.scalars(sa.select(Refund)).all() == []
        assert [row.amount_yen for row in session.scalars(sa.select(Charge).order_by(Charge.id))] == [
            600,
            -300,
        ]
    assert [params["refund_yen"] for params in told(town, "cancelled")] == [300]


def test_what_was_never_paid_can_be_given_up_and_owes_nothing(town: Town) -> None:
    sold = town.held()
    with town.database.transaction() as session:
        reservation = session.get_one(Reservation, sold)
        reservation.state, reservation.next_due_at = State.CONFIRMED, at(13)
    assert give_up(town, sold, now=NOW).state == State.CANCELLED
    assert owed(town) == []


def test_an_alert_gives_it_back_to_who_reports_before_the_start(town: Town) -> None:
    sell_by(town, alert_percent=80)
    reported, silent = town.confirmed(), town.confirmed(wanted=window(13, 15))
    declare(town)
    give_up(town, reported, now=at(10) - SECOND)
    give_up(town, silent, now=at(13))
    assert owed(town) == [(reported, 480, "alert")]


def test_an_alert_elsewhere_or_of_another_day_or_withdrawn_counts_nothing(town: Town) -> None:
    sell_by(town)
    here, later = town.confirmed(), town.confirmed(wanted=window(10, 12, DAY + A_DAY))
    declare(town, facility_id=town.hall)
    withdraw(town, declare(town, kind=AlertKind.STORM))
    give_up(town, here, now=NOW)
    declare(town, facility_id=town.gym)
    give_up(town, later, now=NOW)
    assert owed(town) == []


@pytest.mark.parametrize(("hours", "is_covered"), [((8, 10), True), ((18, 20), True), ((20, 22), False)])
def test_an_alert_covers_starts_from_its_first_second_to_before_its_last(
    town: Town, hours: tuple[int, int], is_covered: bool
) -> None:
    sell_by(town)
    sold = town.confirmed(wanted=window(*hours))
    with town.database.transaction() as session:
        alerts.declare(
            session,
            actor=clerk(town, session),
            kind=AlertKind.SNOW,
            facility_id=town.gym,
            window=window(8, 20),
            note="",
            now=NOW,
        )
    give_up(town, sold, now=NOW)
    assert bool(owed(town)) is is_covered


def test_those_with_a_start_to_come_are_told_once_each_and_when_it_is_over(town: Town) -> None:
    town.confirmed()
    town.confirmed(wanted=window(13, 15))
    town.held(wanted=window(18, 20))
    town.confirmed(wanted=window(10, 12, DAY + A_DAY))
    alert = declare(town)
    assert declare(town) == alert
    withdraw(town, alert)
    withdraw(town, alert)
    (declared,) = told(town, "alert_declared")
    (over,) = told(town, "alert_withdrawn")
    assert declared["lines"].splitlines() == [
        "・2026年11月28日(土) 10:00〜12:00 見本小学校 体育館",
        "・2026年11月28日(土) 13:00〜15:00 見本小学校 体育館",
    ]
    assert (declared["title"], declared["note"]) == ("熱中症警戒アラート", "見本")
    assert over["lines"] == declared["lines"]
    assert acts(town) == ["alert.declare", "alert.withdraw"]
    assert declare(town) != alert


def test_an_alert_declared_during_the_day_tells_nobody_whose_start_is_over(town: Town) -> None:
    town.confirmed()
    with town.database.transaction() as session:
        alerts.declare(
            session,
            actor=clerk(town, session),
            kind=AlertKind.OTHER,
            facility_id=None,
            window=ALL_DAY,
            note="",
            now=at(10) + SECOND,
        )
    assert told(town, "alert_declared") == []


def test_two_taps_at_once_declare_one_alert(town: Town) -> None:
    town.confirmed()
    results = at_once([lambda: declare(town) for _ in range(6)])
    assert len(set(results)) == 1
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(AlertDay)) == 1
    assert len(told(town, "alert_declared")) == 1


def test_residents_declare_nothing_and_set_nothing(town: Town) -> None:
    resident = town.actor()
    with town.database.transaction() as session:
        with pytest.raises(NotThere):
            alerts.declare(
                session,
                actor=resident,
                kind=AlertKind.HEAT,
                facility_id=None,
                window=ALL_DAY,
                note="",
                now=NOW,
            )
        with pytest.raises(NotThere):
            alerts.withdraw(session, actor=resident, alert_id=1, now=NOW)
        with pytest.raises(NotThere):
            policies.add(
                session,
                actor=resident,
                facility_id=None,
                space_kind=None,
                valid_from=TODAY,
                terms=Terms((), 0, 0, 0),
                now=NOW,
            )
        with pytest.raises(BadInput):
            alerts.declare(
                session,
                actor=clerk(town, session),
                kind=AlertKind.HEAT,
                facility_id=None,
                window=Window(NOW - A_DAY, NOW),
                note="",
                now=NOW,
            )
        with pytest.raises(NotThere):
            alerts.declare(
                session,
                actor=clerk(town, session),
                kind=AlertKind.HEAT,
                facility_id=10**6,
                window=ALL_DAY,
                note="",
                now=NOW,
            )


def test_the_same_policy_again_is_one_and_another_replaces_it(town: Town) -> None:
    for _ in range(2):
        sell_by(town, *STAGED)
    assert acts(town) == ["refund_policy.add"]
    sell_by(town)
    sell_by(town, *STAGED)
    with town.database.reading() as session:
        assert len(session.scalars(sa.select(RefundPolicy)).all()) == 3
        version = session.get_one(Municipality, town.municipality_id).catalogue_version
    assert town.reservation(town.confirmed()).policy["stages"][0]["percent"] == 100
    assert version > 1


def test_two_causes_at_once_never_owe_the_same_yen(town: Town) -> None:
    sold = town.confirmed()
    staff = town.actor(role=Role.MANAGER)

    def close() -> UUID | None:
        with town.database.transaction() as session:
            closures.close(
                session,
                actor=staff,
                facility_id=town.gym,
                space_id=None,
                window=ALL_DAY,
                reason="見本",
                now=NOW,
            )
        return None

    def give() -> UUID:
        with town.database.transaction() as session:
            return batches.make(
                session, actor=staff, request_key="k" * 16, reason="見本", amounts={sold: 500}, now=NOW
            ).id

    at_once([close, lambda: give_up(town, sold, now=NOW).id, give])
    assert sum(amount for _, amount, _ in owed(town)) == 600
