"""States as screens say them: a word and its tone (good, wait, bad, quiet)."""

from datetime import datetime

from booking.refunding.policy import BackQuote, Why
from booking.reservations.models import State
from booking.reservations.queries import ReservationLine
from locks.standing import Standing
from payments.refund_list import RefundEntry
from payments.states import Method, RefundState

Word = tuple[str, str]

STATES: dict[State, Word] = {
    State.REQUESTED: ("承認待ち", "wait"),
    State.HELD: ("支払い待ち", "wait"),
    State.CONFIRMED: ("予約確定", "good"),
    State.USED: ("利用済み", "good"),
    State.NO_SHOW: ("利用の記録なし", "quiet"),
    State.CANCELLED: ("取消し済み", "quiet"),
    State.EXPIRED: ("期限切れ", "quiet"),
    State.REJECTED: ("承認されませんでした", "bad"),
    State.REVOKED: ("利用中止", "bad"),
}

STANDINGS: dict[Standing, Word] = {
    Standing.ON_THE_LOCK: ("電子錠に登録済みです", "good"),
    Standing.DERIVABLE: ("使えます。電子錠がその場で確認します", "good"),
    Standing.PENDING: ("電子錠の次の通信で届きます", "wait"),
    Standing.CALL_US: ("お電話ください", "bad"),
    Standing.REVOCATION_PENDING: ("取消しを電子錠に伝えています", "wait"),
    Standing.GONE: ("無効です", "quiet"),
}
"""Never more than the lock has said."""


def state_word(line: ReservationLine, now: datetime) -> Word:
    """What a reservation's state is called now."""
    if line.state is State.HELD and line.cancel_asked_at is not None:
        return "取消しの手続き中", "wait"
    if line.state is State.HELD and not line.is_payable(now):
        return "支払いを確認中", "wait"
    if line.state is State.USED and line.window.ends_at > now:
        return "利用中", "good"
    if line.is_without_report(now):
        return "終了（利用の報告待ち）", "quiet"
    return STATES[line.state]


REFUNDS: dict[RefundState, Word] = {
    RefundState.OWED: ("返金の予定", "wait"),
    RefundState.PENDING: ("手続き中", "wait"),
    RefundState.SUCCEEDED: ("返金済み", "good"),
    RefundState.FAILED: ("遅れています", "bad"),
}
_GOES_BACK: dict[Method, str] = {
    Method.STRIPE: "お支払いのカードなどへ",
    Method.CASH: "窓口で現金で",
    Method.SLIP: "振込または窓口で",
    Method.TRANSFER: "振込で",
    Method.INVOICE: "請求書で差し引いて",
}
_CAUSES: dict[str, str] = {
    "cancelled": "取消し",
    "alert": "警戒アラートのための取消し",
    "revoked": "施設の都合による中止",
    "unused": "電子錠の記録の確認",
    "mismatch": "金額の誤り",
    "late": "遅れて届いたお支払い",
    "batch": "職員による返金",
    "relief": "減免の決定",
    "surplus": "減免の決定より前の金額でのお支払い",
}


def refund_word(entry: RefundEntry, now: datetime) -> Word:
    """What a refund's state is called now."""
    return REFUNDS[RefundState.FAILED] if entry.is_late(now) else REFUNDS[entry.state]


def goes_back(method: Method) -> str:
    """How money comes back."""
    return _GOES_BACK[method]


def refund_cause(cause: str) -> str:
    """Why it comes back; a cause may carry an id after a colon."""
    return _CAUSES.get(cause.partition(":")[0], "返金")


def back_reason(quote: BackQuote) -> str:
    """Why a quote is what it is, in a sentence."""
    kept = f"取消手数料{quote.kept_yen:,}円を差し引きます。" if quote.kept_yen else ""
    return {
        Why.NOTHING_PAID: "お支払いがないため、戻るお金はありません。",
        Why.OPERATOR: "施設の都合のため、全額をお返しします。",
        Why.ALERT: f"警戒アラートが出ているため、開始前の取消しは{quote.percent}%をお返しします。",
        Why.IN_TIME: f"取消しの期限前です。{kept or '全額をお返しします。'}",
        Why.STAGED: f"取消しの期限により、お支払いの{quote.percent}%をお返しします。{kept}",
        Why.TOO_LATE: "取消しの期限を過ぎたため、お金は戻りません。",
        Why.NEVER: "この予約は、取り消してもお金は戻りません。",
        Why.UNUSED: f"使われていないことが確かめられたため、{quote.percent}%をお返しします。{kept}",
    }[quote.why]


def before_start(before_s: int) -> str:
    """How long before the start, in the largest unit that is whole."""
    if not before_s:
        return "開始まで"
    if before_s % 86400:
        return f"開始の{before_s // 3600}時間前まで"
    return f"開始の{before_s // 86400}日前の同じ時刻まで"
