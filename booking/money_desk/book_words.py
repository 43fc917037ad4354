"""Words of bookkeeping, as an accountant of a city knows them."""

from payments.ledger import Account

ACCOUNTS: dict[Account, str] = {
    Account.STRIPE_BALANCE: "決済会社預け金",
    Account.BANK: "預金",
    Account.CASH: "現金",
    Account.RECEIVABLES: "後納未収金",
    Account.DISPUTED: "係争中の入金",
    Account.STRIPE_FEES: "決済手数料",
    Account.DISPUTE_LOSSES: "異議申立て損失",
    Account.SUNDRY: "雑収支",
    Account.RELIEF: "減免",
    Account.USAGE_FEES: "使用料収入",
    Account.REFUNDS_PAYABLE: "未払還付金",
    Account.UNALLOCATED: "預り金",
}
"""勘定科目."""

CREDIT_SIDE = frozenset({Account.USAGE_FEES, Account.REFUNDS_PAYABLE, Account.UNALLOCATED})
"""Accounts whose balance is normally on the right: earned or owed."""

_EVENTS = {
    "capture": "入金",
    "owe": "還付の発生",
    "refund": "還付の支払",
    "refund_undone": "還付の差戻し",
    "refund_by_dispute": "異議申立てによる返金",
    "fee": "決済手数料",
    "bill": "決済会社からの請求",
    "payout": "決済会社から銀行へ",
    "charge": "後納",
    "relief": "減免",
    "relief_undone": "減免の取消し",
    "hand_in": "現金の納付",
    "explained": "職員の説明による記帳",
    "dispute_withdrawn": "異議申立てによる引去り",
    "dispute_returned": "異議申立ての返戻",
    "dispute_lost": "異議申立ての敗北",
    "dispute_reopened": "異議申立ての再開",
}

METHODS = {
    "stripe": "カード・コンビニ",
    "cash": "現金",
    "slip": "納付書",
    "transfer": "振込",
    "invoice": "後納",
}
MOVEMENTS = {
    "charge": "決済",
    "payment": "決済",
    "refund": "還付",
    "payment_refund": "還付",
    "refund_failure": "還付の差戻し",
    "adjustment": "調整(異議申立てなど)",
    "payout": "銀行への送金",
    "payout_failure": "送金の差戻し",
    "payout_cancel": "送金の取消し",
    "stripe_fee": "決済会社からの請求",
    "topup": "銀行からの入金",
}
PAYOUT_STATES = {
    "paid": ("送金済み", "good"),
    "in_transit": ("送金中", "wait"),
    "pending": ("送金待ち", "wait"),
    "failed": ("差戻し", "bad"),
    "canceled": ("取消し", "quiet"),
}


def event_word(set_key: str) -> str:
    """What a ledger set books: 摘要."""
    return _EVENTS.get(set_key.split(":")[0], "その他")


def account_word(account: str) -> str:
    """勘定科目."""
    return ACCOUNTS[Account(account)]


def difference_word(subject: str) -> str:
    """What differs, of a settlement's difference."""
    kind, _, rest = subject.partition(":")
    if kind == "set":
        return f"帳簿にある「{event_word(rest)}」が決済会社にない"
    return {
        "movement": "決済会社にある入出金が帳簿にない",
        "amount": "照合済みの金額が変わっている",
        "fee": "決済手数料が違う",
        "payout": "送金額が明細の合計と違う",
        "total": "残高が合わない",
        "settlement": "照合が一日以上できていない",
        "many": "差が多数ある",
    }.get(kind, "差がある")


def events_named(word: str) -> list[str]:
    """Kinds of sets whose word has this in it."""
    return [event for event, named in _EVENTS.items() if word in named]
