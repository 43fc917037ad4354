"""Why a reservation is not made or changed: one class a rule, each with a code that never changes."""

from core.errors import Refused
from locks.errors import NotSellable, WhyNot


class NotOffered(Refused):
    """The window is not a run of offered bands of one day."""

    code = "not_offered"
    sentence = "この時間帯は貸し出していません。空いている時間帯から選んでください。"


class Misaligned(Refused):
    """The window does not stand on the 30-minute grid, or is no window at all."""

    code = "misaligned"
    sentence = "時間の指定が正しくありません。時間帯を選び直してください。"


class TooLong(Refused):
    """More contiguous bands than one reservation may take."""

    code = "too_long"
    sentence = "一度に予約できる長さを超えています。時間帯を減らしてください。"


class Ended(Refused):
    """The window is over, or has less left than is sold."""

    code = "ended"
    sentence = "この時間帯の受付は終わりました。"


class TooFarAhead(Refused):
    """The booking period of the window has not begun."""

    code = "too_far_ahead"
    sentence = "この日の受付はまだ始まっていません。"


class TooLateForApproval(Refused):
    """The facility wants an approval, and there is no time left for one."""

    code = "too_late_for_approval"
    sentence = "この施設は承認が必要です。利用の24時間前までに申し込んでください。"


class SlotClosed(Refused):
    """A closure has a part of it."""

    code = "slot_closed"
    sentence = "この時間帯は、学校行事などのため利用できません。"


class SlotTaken(Refused):
    """Another live reservation has a part of it."""

    code = "slot_taken"
    sentence = "申し訳ありません。この時間帯は、ほかの団体が先に予約しました。"


class GroupNotApproved(Refused):
    """The group's registration does not cover the fiscal year of the use."""

    code = "group_not_approved"
    sentence = "団体の登録が、利用する年度について承認されていません。窓口へお問い合わせください。"


class TooManyHolds(Refused):
    """The group has as many unpaid or unapproved reservations as the rule allows."""

    code = "too_many_holds"
    sentence = "支払い待ち・承認待ちの予約が上限に達しています。先にそちらを済ませてください。"


class PostpaidNotAllowed(Refused):
    """The group is not approved to pay by monthly invoice (後納)."""

    code = "postpaid_not_allowed"
    sentence = "この団体は後納の承認を受けていません。ほかの支払い方法を選んでください。"


class ZeroFeeLimit(Refused):
    """The group has had two free or postpaid ones of this start; more would use up the lock's codes."""

    code = "zero_fee_limit"
    sentence = "この時間帯の無料・後納の予約は、取り直せる回数を超えました。窓口へお問い合わせください。"


class NotSellableNow(Refused):
    """A lock could not be relied on to open for it (lock protocol 6); the sentence says why."""

    code = NotSellable.code

    def __init__(self, why: WhyNot, detail: str = "") -> None:
        super().__init__(detail or why, sentence=NotSellable.sentences[why])
        self.why = why


class IllegalMove(Refused):
    """The reservation's state does not allow it: somebody or something was quicker."""

    code = "state_changed"
    sentence = "予約の状態が変わっています。画面を読み直して確かめてください。"


class NotPayable(Refused):
    """It waits for no payment: paid, free, given up or too late."""

    code = "not_payable"
    sentence = "この予約は、いま支払いを受け付けていません。"


class TooLateToCancel(Refused):
    """The window is over."""

    code = "too_late_to_cancel"
    sentence = "利用時間が終わった予約は取り消せません。"
