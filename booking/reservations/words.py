"""States as screens say them: a word and its tone (good, wait, bad, quiet)."""

from datetime import datetime

from booking.refunding.policy import BackQuote, Why
from booking.reservations.models import State
from booking.reservations.queries import ReservationLine
from locks.standing import Standing
from payments.refund_list import RefundEntry
from payments.states import Method, RefundState

Word = tuple[str, str]

_STATES: dict[State, Word] = {
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
    return _STATES[line.state]


def refund_words(standing: RefundStanding) -> str:
    """How far the money's way back is."""
    if standing.state is RefundState.SUCCEEDED:
        back = f"{standing.refunded_yen:,}円を返金しました。"
        return f"{back}カードの明細に出るまで、日数がかかることがあります。"
    if standing.state is RefundState.FAILED:
        return f"{standing.owed_yen:,}円の返金が滞っています。窓口で確認しています。"
    return f"{standing.owed_yen:,}円を返金する手続き中です。お手続きは要りません。"
