"""Lives of one reservation's money, as Stripe and people write them; the messages are the sandbox's own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from booking.reservations.models import State

if TYPE_CHECKING:
    from tests.simulation.money.replay import Telling

GOOD, DECLINED, REFUND_PENDS, DISPUTED = (
    "4242424242424242",
    "4000000000000002",
    "4000000000007726",
    "4000000000000259",
)
Step = Callable[["Telling"], None]


@dataclass(frozen=True, slots=True)
class Story:
    """What happens in turn; between any two of these, messages come in or stay away."""

    name: str
    steps: tuple[Step, ...]
    ends: State


def pay(telling: "Telling", number: str = GOOD) -> None:
    """The payer submits the card page."""
    form = {"card_number": number, "expiry": "12/40", "cvc": "123", "name": "MIHON HANAKO"}
    telling.stripe.page(f"/c/pay/{telling.session_id}", form)


def _decline(telling: "Telling") -> None:
    pay(telling, DECLINED)


def _pay_with_slow_refunds(telling: "Telling") -> None:
    pay(telling, REFUND_PENDS)
    _come_back(telling)


def _pay_and_come_back(telling: "Telling") -> None:
    pay(telling)
    _come_back(telling)


def _pay_and_dispute(telling: "Telling") -> None:
    pay(telling, DISPUTED)
    _come_back(telling)


def _come_back(telling: "Telling") -> None:
    telling.office.come_back(telling.payment_id)


def _let_time_end(telling: "Telling") -> None:
    """The hold's ten minutes are over, and the worker was slow."""
    telling.clock.move_to(telling.clock.now() + timedelta(minutes=11))


def _pay_after_the_end(telling: "Telling") -> None:
    """The hold is over, and nobody has closed the card page yet."""
    _let_time_end(telling)
    pay(telling)


def _order_voucher(telling: "Telling") -> None:
    telling.stripe.page(f"/c/pay/{telling.session_id}/konbini", {})


def _pay_voucher(telling: "Telling") -> None:
    intent = telling.stripe.store.require("checkout.session", telling.session_id)["payment_intent"]
    telling.stripe.bring_about("/konbini", payment_intent=intent, outcome="paid")


def _let_voucher_lapse(telling: "Telling") -> None:
    telling.clock.move_to(telling.clock.now() + timedelta(days=5))
    telling.stripe.sweep()


def _cancel(telling: "Telling") -> None:
    telling.office.cancel(telling.reservation_id)


def _cancel_and_fail(telling: "Telling") -> None:
    telling.stripe.plan_fault(kind="refund_failed", settle_after_s=1800)
    telling.office.cancel(telling.reservation_id)


def _let_banks_work(telling: "Telling") -> None:
    telling.clock.move_to(telling.clock.now() + timedelta(hours=1))
    telling.stripe.sweep()


def _decide(outcome: str) -> Step:
    def decide(telling: "Telling") -> None:
        dispute = telling.stripe.objects("dispute")[0]["id"]
        telling.stripe.bring_about("/disputes/decide", dispute=dispute, outcome=outcome)

    return decide


STORIES = (
    Story("paid", (pay,), State.CONFIRMED),
    Story("declined_then_paid", (_decline, pay), State.CONFIRMED),
    Story("expired", (_let_time_end,), State.EXPIRED),
    Story("declined_and_expired", (_decline, _let_time_end), State.EXPIRED),
    Story("paid_in_time_seen_late", (pay, _let_time_end), State.CONFIRMED),
    Story("paid_late", (_pay_after_the_end,), State.CONFIRMED),
    Story("konbini_paid", (_order_voucher, _pay_voucher), State.CONFIRMED),
    Story("konbini_lapsed", (_order_voucher, _let_voucher_lapse), State.EXPIRED),
    Story("voucher_paid_after_giving_up", (_order_voucher, _cancel, _pay_voucher), State.CANCELLED),
    Story("refunded", (_pay_with_slow_refunds, _cancel, _let_banks_work), State.CANCELLED),
    Story(
        "refund_failed_then_sent_again",
        (_pay_and_come_back, _cancel_and_fail, _let_banks_work),
        State.CANCELLED,
    ),
    Story("dispute_won", (_pay_and_dispute, _decide("won")), State.CONFIRMED),
    Story("dispute_lost", (_pay_and_dispute, _decide("lost")), State.CONFIRMED),
)
