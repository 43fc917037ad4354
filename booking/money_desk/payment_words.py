"""Payments, refunds and accounts in words for the money desk. Pure."""

from collections.abc import Mapping

from payments.ledger import Account
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

ACCOUNTS: Mapping[str, str] = {
    Account.STRIPE_BALANCE: "決済サービスの残高",
    Account.BANK: "預金",
    Account.CASH: "現金",
    Account.RECEIVABLES: "未収金（後納）",
    Account.DISPUTED: "異議申立て中",
    Account.STRIPE_FEES: "決済手数料",
    Account.DISPUTE_LOSSES: "異議による損失",
    Account.RELIEF: "減免額",
    Account.USAGE_FEES: "使用料",
    Account.REFUNDS_PAYABLE: "未払返金",
    Account.UNALLOCATED: "仮受金",
}

SETS: Mapping[str, str] = {
    "capture": "入金",
    "owe": "返金の計上",
    "refund": "返金",
    "refund_undone": "返金の戻り",
    "refund_by_dispute": "異議による返金の消込み",
    "dispute_withdrawn": "異議による引落し",
    "dispute_returned": "異議の取戻し",
    "dispute_lost": "異議による損失",
    "dispute_reopened": "異議の再開",
    "relief": "減免",
    "relief_undone": "減免の取消し",
}


def set_word(key: str) -> str:
    """What an event in the books is called."""
    name = key.partition(":")[0]
    return SETS.get(name, name)
