"""What can go wrong with money, as leaves of the one tree."""

from core.errors import Refused, RejectedOutside, Unavailable


class AlreadyPaid(Refused):
    """A payment for it has settled."""

    code = "already_paid"
    sentence = "お支払いは済んでいます。"


class AttemptStanding(Refused):
    """Another attempt can still be paid; once it is closed, a new one may start."""

    code = "payment_in_progress"
    sentence = "前のお支払い手続きを終了しています。少し待ってからもう一度お試しください。"


class BelowLeast(Refused):
    """Less than Stripe takes from a card."""

    code = "below_least"
    sentence = (
        "50円未満の金額はカードで支払えません。"
        "ほかの未払いと合わせて50円以上にするか、窓口でお支払いください。"
    )


class SlipOut(Refused):
    """A slip is out for it: paid by card as well, it would be paid twice."""

    code = "slip_out"
    sentence = "納付書をお渡ししています。納付書でお支払いいただくか、窓口で納付書を取り消してください。"


class FundsAwaited(Refused):
    """The payer is done and the money is on its way; nothing else can be paid for it meanwhile."""

    code = "payment_awaited"
    sentence = "コンビニなどでのお支払いを待っています。お支払いが届くまで、ほかの方法では支払えません。"


class AttemptOver(Refused):
    """This attempt cannot be paid any more."""

    code = "payment_over"
    sentence = "お支払いの期限が過ぎました。もう一度予約してください。"


class StripeUnavailable(Unavailable):
    """Stripe gave no usable answer: what it did with the call is not known."""

    code = "stripe_unavailable"
    sentence = "ただいま決済サービスに接続できません。しばらくしてからもう一度お試しください。"


class StripeFailed(StripeUnavailable):
    """Stripe answered with a failure of its own, and the same key would get the same answer again.

    The call is over at Stripe, with or without effect: list before trying a new key.
    """


class StripeRejected(RejectedOutside):
    """Stripe read the call and said no.

    Attributes:
        stripe_code: Stripe's own word for why, where it gives one: `balance_insufficient`,
            `charge_already_refunded`, `charge_disputed`, `resource_missing`, …
    """

    code = "stripe_rejected"
    sentence = "決済サービスで処理できませんでした。窓口にお問い合わせください。"

    def __init__(self, detail: str = "", *, stripe_code: str | None = None) -> None:
        super().__init__(detail)
        self.stripe_code = stripe_code


class MonthNotReady(Refused):
    """Something stands against closing a month of the books."""

    code = "month_not_ready"
    sentence = "この月はまだ締められません。"
