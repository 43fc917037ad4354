"""The two transition tables, and what they leave out."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from core.errors import ContractBroken
from payments.states import (
    CAN_CAPTURE,
    PaymentState,
    RefundState,
    require_payment_move,
    require_refund_move,
)

State = TypeVar("State")


def _allows(require: Callable[[State, State], None], old: State, new: State) -> bool:
    try:
        require(old, new)
    except ContractBroken:
        return False
    return True


@pytest.mark.parametrize("new", list(PaymentState))
@pytest.mark.parametrize("old", [PaymentState.SETTLED, PaymentState.MISMATCHED])
def test_money_that_came_in_stays_recorded(old: PaymentState, new: PaymentState) -> None:
    with pytest.raises(ContractBroken):
        require_payment_move(old, new)


@pytest.mark.parametrize("old", [*CAN_CAPTURE, PaymentState.EXPIRED])
def test_money_may_come_in_from_every_state_without_money(old: PaymentState) -> None:
    assert _allows(require_payment_move, old, PaymentState.SETTLED)


@pytest.mark.parametrize("new", [PaymentState.OPENING, PaymentState.OPEN])
def test_an_attempt_given_up_is_never_offered_again(new: PaymentState) -> None:
    for old in (PaymentState.CLOSING, PaymentState.EXPIRED):
        with pytest.raises(ContractBroken):
            require_payment_move(old, new)


def test_only_stripes_word_leads_out_of_closing() -> None:
    allowed = {new for new in PaymentState if _allows(require_payment_move, PaymentState.CLOSING, new)}
    assert allowed == {
        PaymentState.PROCESSING,
        PaymentState.SETTLED,
        PaymentState.MISMATCHED,
        PaymentState.EXPIRED,
    }


def test_money_on_its_way_is_not_called_back() -> None:
    allowed = {new for new in PaymentState if _allows(require_payment_move, PaymentState.PROCESSING, new)}
    assert allowed == {PaymentState.SETTLED, PaymentState.MISMATCHED, PaymentState.EXPIRED}


def test_a_refund_is_never_forgotten() -> None:
    for old in RefundState:
        with pytest.raises(ContractBroken):
            require_refund_move(old, RefundState.OWED)


def test_a_refund_that_succeeded_may_still_come_back() -> None:
    assert _allows(require_refund_move, RefundState.SUCCEEDED, RefundState.FAILED)
    assert not _allows(require_refund_move, RefundState.SUCCEEDED, RefundState.PENDING)
