"""Whatever payers, banks and tills do, the sandbox's own books agree with each other to the yen."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from payments.sandbox import balance
from payments.sandbox.world import World
from tests.unit.sandbox.account import Account, opened_account

OVER = ("failed", "canceled")
DAY_S = 24 * 60 * 60
CARDS = st.sampled_from(
    [
        "4242424242424242",
        "4000000000000002",
        "4000000000007726",
        "4000000000005126",
        "4000000000000259",
        "4000000000001976",
        "4000000000000077",
    ]
)
BOTH = {"allowed_payment_method_types[0]": "card", "allowed_payment_method_types[1]": "konbini"}
AMOUNT = "line_items[0][price_data][unit_amount]"


class Town(RuleBasedStateMachine):
    """A year of everything that may happen to money, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.opened = opened_account(Path(self.folder.name) / "stripe.db")
        self.account: Account = self.opened.__enter__()
        self.world: World = self.account.world

    def teardown(self) -> None:
        """Close the file."""
        self.opened.__exit__(None, None, None)
        self.folder.cleanup()

    @rule(amount=st.integers(50, 30_000), card=CARDS)
    def pay(self, amount: int, card: str) -> None:
        """A session, and a card that may be declined."""
        session = self.account.order(**{AMOUNT: str(amount)})
        self.account.pay(session["id"], card)

    @rule(amount=st.integers(50, 30_000))
    def take_a_voucher(self, amount: int) -> None:
        """A session for the till."""
        session = self.account.order(**BOTH, **{AMOUNT: str(amount)})
        self.account.client.post(f"/c/pay/{session['id']}/konbini")

    @rule(data=st.data(), is_paid=st.booleans())
    def end_a_voucher(self, data: st.DataObject, *, is_paid: bool) -> None:
        """Somebody pays, or the time is over."""
        waiting = self._some(data, "payment_intent", lambda one: one["status"] == "requires_action")
        if waiting:
            self._ask("/konbini", payment_intent=waiting["id"], outcome="paid" if is_paid else "expired")

    @rule(data=st.data(), share=st.integers(1, 100))
    def refund(self, data: st.DataObject, share: int) -> None:
        """A part of a charge, if Stripe takes it."""
        charge = self._some(data, "charge", lambda one: one["paid"])
        if charge:
            amount = max(1, charge["amount"] * share // 100)
            self.account.call("POST", "/v1/refunds", {"charge": charge["id"], "amount": str(amount)})

    @rule(data=st.data())
    def fail_a_refund(self, data: st.DataObject) -> None:
        """The bank sends it back."""
        refund = self._some(data, "refund", lambda one: one["status"] not in OVER)
        if refund:
            self._ask("/refunds/fail", refund=refund["id"])

    @rule(data=st.data())
    def dispute(self, data: st.DataObject) -> None:
        """A bank takes a charge back."""
        charge = self._some(data, "charge", lambda one: one["paid"])
        if charge:
            self._ask("/disputes", payment_intent=charge["payment_intent"])

    @rule(data=st.data(), outcome=st.sampled_from(["won", "lost", "under_review"]))
    def decide(self, data: st.DataObject, outcome: str) -> None:
        """The bank has thought about it."""
        dispute = self._some(data, "dispute", lambda one: one["status"] == "needs_response")
        if dispute:
            self._ask("/disputes/decide", dispute=dispute["id"], outcome=outcome)

    @rule(short=st.sampled_from(["allow", "refuse", "pend"]))
    def change_the_account(self, short: str) -> None:
        """What a short balance does."""
        self._ask("/account", short_balance=short)

    @rule(kind=st.sampled_from(["refund_pending", "refund_failed", "refund_short", "capture_amount"]))
    def plan_a_fault(self, kind: str) -> None:
        """Something goes wrong next time."""
        self.account.plan({"kind": kind})

    @rule(fails=st.booleans())
    def pay_out(self, *, fails: bool) -> None:
        """All that is available, and perhaps back again."""
        made = self._ask("/payouts")
        if fails and "id" in made:
            self._ask("/payouts/fail", payout=made["id"])

    @rule(days=st.sampled_from([0, 1, 5, 46]), hours=st.integers(0, 23))
    def wait(self, days: int, hours: int) -> None:
        """Time passes: vouchers lapse, refunds settle, money becomes available."""
        self.account.advance(days * DAY_S + hours * 3600)

    @invariant()
    def the_balance_is_the_sum_of_all_nets(self) -> None:
        """As the API tells it, and by an account kept from the objects alone."""
        told = self.account.call("GET", "/v1/balance").get_json()
        held = sum(one["amount"] for state in ("available", "pending") for one in told[state])
        movements = self._all("balance_transaction")
        assert held == sum(one["net"] for one in movements) == balance.held(self.world)
        assert all(one["net"] == one["amount"] - one["fee"] for one in movements)
        assert held == self._by_objects() - sum(one["fee"] for one in movements)

    @invariant()
    def a_charge_gives_back_what_its_refunds_say(self) -> None:
        """Never more than it took; failed ones do not count."""
        given: dict[str, int] = {}
        for refund in self._all("refund"):
            if refund["status"] not in OVER:
                given[refund["charge"]] = given.get(refund["charge"], 0) + refund["amount"]
        for charge in self._all("charge"):
            assert charge["amount_refunded"] == given.get(charge["id"], 0) <= charge["amount"]
            assert charge["refunded"] == (charge["paid"] and charge["amount_refunded"] == charge["amount"])

    @invariant()
    def a_payout_is_what_it_carried(self) -> None:
        """And every movement is carried at most once."""
        carried: dict[str, int] = {}
        for movement in self._all("balance_transaction"):
            if movement["payout"] is not None:
                carried[movement["payout"]] = carried.get(movement["payout"], 0) + movement["net"]
        assert carried == {payout["id"]: 0 for payout in self._all("payout")}

    def _by_objects(self) -> int:
        """What should be there before fees, from what the objects say of themselves."""
        charged = sum(one["amount"] for one in self._all("charge") if one["paid"])
        refunded = sum(
            one["amount"]
            for one in self._all("refund")
            if one["status"] not in OVER and one["balance_transaction"] is not None
        )
        taken = sum(
            one["amount"]
            for one in self._all("dispute")
            if one["status"] != "won" and not one["status"].startswith("warning")
        )
        paid_out = sum(one["amount"] for one in self._all("payout") if one["status"] != "failed")
        return charged - refunded - taken - paid_out

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return self.world.store.newest_first(kind)

    def _some(self, data: st.DataObject, kind: str, fits: Any) -> dict[str, Any] | None:
        found = [one for one in self._all(kind) if fits(one)]
        return data.draw(st.sampled_from(found)) if found else None

    def _ask(self, path: str, **wanted: object) -> dict[str, Any]:
        return dict(self.account.client.post(f"/_sandbox{path}", json=wanted).get_json())


class Careless(Town):
    """The negative control: a bank whose refunds sometimes never reach the balance."""

    @rule(amount=st.integers(1, 40))
    def lose_a_movement(self, amount: int) -> None:
        """A refund's amount is noted on the charge, and nowhere else."""
        for charge in self._all("charge"):
            if charge["paid"] and charge["amount_refunded"] + amount <= charge["amount"]:
                charge["amount_refunded"] += amount
                self.world.store.save(charge)
                return


SIZE = settings(max_examples=15, stateful_step_count=25, deadline=None)


def test_the_books_of_the_sandbox_agree_to_the_yen() -> None:
    run_state_machine_as_test(Town, settings=SIZE)


def test_control_a_movement_that_is_lost_is_found() -> None:
    # The first example that fails will do: nobody needs the smallest.
    quick = settings(SIZE, max_examples=60, database=None, phases=(Phase.generate,))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Careless, settings=quick)
