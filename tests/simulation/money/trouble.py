"""What goes wrong around the money, by chance, until it is healed."""

from typing import TYPE_CHECKING

from payments.sandbox import faults

if TYPE_CHECKING:
    from tests.simulation.money.proof import Proof

_CALLS = ("timeout_before", "timeout_after", "stored_500", "http_409", "http_429", "http_500", "http_503")
MESSAGES = (
    "webhook_duplicate",
    "webhook_drop",
    "webhook_delay",
    "webhook_reorder",
    "webhook_foreign",
    "webhook_unknown",
)
_REFUNDS = ("refund_pending", "refund_failed", "refund_short")
_CAPTURES = ("capture_amount", "capture_currency", "dispute")
_MOST_PLANNED = 40
"""Faults for calls that hardly anybody makes would pile up, and each call looks through them."""
SENT_BACK_EVERY = 60
"""So many payments for one refund that a bank sends back after it had come through."""
ODD_CAPTURE_EVERY = 40
"""So many payments for one whose amount or currency is another than asked, or that a payer disputes."""
_DAY = 86400.0


class Trouble:
    """Faults of the wire, of Stripe, of banks, of our own processes."""

    def __init__(self, proof: "Proof") -> None:
        self._proof, self._random = proof, proof.random
        self.is_healed = False
        self.is_worker_up = True
        self.crash_rate = 0.03

    def begin(self) -> None:
        """From now on anything may happen."""
        proof = self._proof
        proof.stripe.bring_about("/account", payouts="daily")
        for what, every_s in (
            (self._fault_of_a_call, proof.seconds_between * 0.6),
            (self._fault_of_a_message, proof.seconds_between * 1.5),
            (self._fault_of_a_refund, proof.seconds_between * 15),
            (self._fault_of_a_capture, proof.seconds_between * ODD_CAPTURE_EVERY),
            (self._bank_sends_back, proof.seconds_between * SENT_BACK_EVERY),
            (self._decide_a_dispute, proof.seconds_between * 30),
            (self._stripe_away, 0.9 * _DAY),
            (self._worker_away, 1.1 * _DAY),
            (self._short_balance, 3 * _DAY),
            (self._payout_fails, 4 * _DAY),
        ):
            self._again(what.__name__, what, every_s)
        proof.agenda.after(self._random.uniform(1, 2) * _DAY, "silence", self._silence)

    def heal(self) -> None:
        """Nothing goes wrong from here on; what banks had still to say they say within days."""
        proof = self._proof
        self.is_healed = self.is_worker_up = True
        proof.stripe.is_down = False
        faults.clear(proof.stripe.store)
        proof.stripe.bring_about("/webhooks", silent_for_s=0)
        proof.stripe.bring_about("/account", short_balance="allow")

    def is_crash_due(self) -> bool:
        """Whether the process that begins now dies on its way."""
        return not self.is_healed and self._random.random() < self.crash_rate

    def _again(self, name: str, what: object, every_s: float) -> None:
        def act() -> None:
            if not self.is_healed:
                what()  # type: ignore[operator]
                self._proof.coverage[f"trouble:{name.removeprefix('_')}"] += 1
                self._again(name, what, every_s)

        self._proof.agenda.after(self._random.expovariate(1 / every_s), name, act)

    def _plan(self, kind: str, **more: object) -> None:
        domain = next(name for name, kinds in faults.DOMAINS.items() if kind in kinds)
        store = self._proof.stripe.store
        ((waiting,),) = store.rows("SELECT count(*) FROM planned_faults WHERE domain = ?", domain)
        if waiting > _MOST_PLANNED:
            return
        self._proof.coverage[f"fault:{kind}"] += 1
        self._proof.stripe.plan_fault(kind=kind, **more)

    def _fault_of_a_call(self) -> None:
        kind = self._random.choice(_CALLS)
        more = {"effect": self._random.random() < 0.5} if kind == "stored_500" else {}
        method = "POST" if kind == "stored_500" else self._random.choice(("*", "POST", "POST"))
        path = self._random.choice(("*", "*", "/v1/checkout/sessions*", "/v1/refunds*", "*/expire"))
        self._plan(kind, method=method, path=path, times=self._random.choice((1, 1, 1, 3)), **more)

    def _fault_of_a_message(self) -> None:
        kind = self._random.choice(MESSAGES)
        more: dict[str, object] = {}
        if kind in ("webhook_delay", "webhook_reorder"):
            more["delay_s"] = self._random.choice((30, 600, 3600, 6 * 3600))
        self._plan(kind, times=self._random.choice((1, 2, 5)), **more)

    def _fault_of_a_refund(self) -> None:
        kind = self._random.choice(_REFUNDS)
        settle_after_s = self._random.choice((60, 3600, 2 * 86400))
        more = {} if kind == "refund_short" else {"settle_after_s": settle_after_s}
        self._plan(kind, **more)

    def _fault_of_a_capture(self) -> None:
        kind = self._random.choice(_CAPTURES)
        more = {"amount": self._random.choice((1, 77, 5000))} if kind == "capture_amount" else {}
        self._plan(kind, **more)

    def _bank_sends_back(self) -> None:
        """A refund that had come through comes back, also days later."""
        found = self._proof.stripe.store.rows(
            "SELECT id FROM objects WHERE kind = 'refund' AND created > ? ORDER BY seq",
            self._proof.stripe.world.now() - 6 * 86400,
        )
        if found and self._proof.stripe.bring_about(
            "/refunds/fail", refund=self._random.choice(found)[0], reason="lost_or_stolen_card"
        ):
            self._proof.coverage["refund_sent_back"] += 1

    def _decide_a_dispute(self) -> None:
        open_ones = [
            one["id"]
            for one in self._proof.stripe.objects("dispute")
            if one["status"] not in ("won", "lost", "warning_closed")
        ]
        if open_ones:
            outcome = self._random.choice(("won", "lost", "under_review"))
            name = self._random.choice(open_ones)
            if self._proof.stripe.bring_about("/disputes/decide", dispute=name, outcome=outcome):
                self._proof.coverage[f"dispute_{outcome}"] += 1

    def _stripe_away(self) -> None:
        """For minutes mostly; sometimes longer than Stripe keeps an idempotency key."""
        proof = self._proof
        hours = self._random.choice((0.05, 0.2, 0.2, 1, 1, 4, 26))
        proof.stripe.is_down = True
        proof.coverage[f"stripe_away:{hours}h"] += 1
        proof.agenda.after(hours * 3600, "stripe is back", self._stripe_back)

    def _stripe_back(self) -> None:
        self._proof.stripe.is_down = False

    def _worker_away(self) -> None:
        self.is_worker_up = False
        hours = self._random.choice((0.1, 1, 5))
        self._proof.agenda.after(hours * 3600, "worker is back", self._worker_back)

    def _worker_back(self) -> None:
        self.is_worker_up = True
        self._proof.plan_work()

    def _silence(self) -> None:
        """Three days without a message, then all at once; and again a week later."""
        if not self.is_healed:
            self._proof.stripe.bring_about("/webhooks", silent_for_s=3 * 86400)
            self._proof.coverage["three_days_silence"] += 1
            self._proof.agenda.after(9 * _DAY, "silence", self._silence)

    def _short_balance(self) -> None:
        word = self._random.choice(("refuse", "pend"))
        self._proof.stripe.bring_about("/account", short_balance=word)
        self._proof.agenda.after(
            12 * 3600,
            "balance is covered",
            lambda: self._proof.stripe.bring_about("/account", short_balance="allow"),
        )

    def _payout_fails(self) -> None:
        found = [one["id"] for one in self._proof.stripe.objects("payout") if one["status"] != "failed"]
        if found and self._proof.stripe.bring_about("/payouts/fail", payout=found[-1]):
            self._proof.coverage["payout_failed"] += 1
