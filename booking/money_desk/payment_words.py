"""Payments and refunds in words for the money desk. Pure."""

from collections.abc import Mapping

from payments.states import PaymentState, RefundState

Word = tuple[str, str]
"""A word and its tone: good, wait, bad, quiet."""

STATES: Mapping[PaymentState, Word] = {
    PaymentState.OPENING: ("手続き開始", "wait"),
    PaymentState.OPEN: ("支払い待ち", "wait"),
    PaymentState.PROCESSING: ("コンビニ等の入金待ち", "wait"),
    PaymentState.CLOSING: ("締切りの確認中", "wait"),
    PaymentState.SETTLED: ("入金済み", "good"),
    PaymentState.EXPIRED: ("支払われず終了", "quiet"),
    PaymentState.MISMATCHED: ("金額などの相違", "bad"),
}

REFUND_STATES: Mapping[RefundState, Word] = {
    RefundState.OWED: ("送信待ち", "wait"),
    RefundState.PENDING: ("手続き中", "wait"),
    RefundState.SUCCEEDED: ("返金済み", "good"),
    RefundState.FAILED: ("返金できず", "bad"),
}
