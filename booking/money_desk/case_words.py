"""Cases in words for the money desk: what each is, and what to do next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from payments.cases import CaseKind


@dataclass(frozen=True, slots=True)
class CaseWords:
    """One kind of case."""

    title: str
    next_step: str
    closes_itself: str = ""
    """When it is closed without a person, where it may be."""
    page: tuple[str, str] | None = None
    """Where it is done: address and the words of the link."""


WORDS: Mapping[CaseKind, CaseWords] = {
    CaseKind.WRONG_AMOUNT: CaseWords(
        "請求と違う金額・通貨で支払われた",
        "予約は確定していません。受け取った分は自動で返金します。続けて起きるときは、決済サービスの設定を確かめてください。",
        "返金が済むと自動で閉じます。",
    ),
    CaseKind.PAID_TWICE: CaseWords(
        "二重に支払われた",
        "予約はそのままで、重なった分は自動で返金します。利用者から問い合わせがあれば、返金の状況を伝えてください。",
        "返金が済むと自動で閉じます。",
    ),
    CaseKind.UNKNOWN_OBJECT: CaseWords(
        "心当たりのない入出金",
        "決済サービスの管理画面でこの番号を開き、だれの何のお金かを確かめてください。予約と結びつかない入金は、管理画面から返金してください。",
    ),
    CaseKind.DISPUTE: CaseWords(
        "カード会社への異議申立て",
        "反証の期限までに、決済サービスの管理画面から、予約の記録と解錠の履歴を添えて反証してください。返金済みのときは、その記録を添えてください。",
        "申立てが退けられると自動で閉じます。",
    ),
    CaseKind.REFUND_FAILED: CaseWords(
        "返金できなかった",
        "時間をおいて自動でやり直します。続くときはカードが使えなくなっています。利用者に連絡し、振込先を聞いて窓口で払い戻してください。",
        "返金が通ると自動で閉じます。",
    ),
    CaseKind.REFUND_SLOW: CaseWords(
        "返金に時間がかかっている",
        "決済サービスの管理画面で返金の状況を確かめ、利用者に見通しを伝えてください。",
        "返金の結果が出ると自動で閉じます。",
    ),
    CaseKind.BALANCE_SHORT: CaseWords(
        "決済サービスの残高が足りない",
        "入金を待つか、決済サービスの管理画面から残高を補ってください。返金は自動でやり直します。",
        "返金が通ると自動で閉じます。",
    ),
    CaseKind.PAY_OUT: CaseWords(
        "手渡し・振込の払戻しを待っている",
        "「窓口」の払戻しの欄から、現金または振込で払い戻し、記録してください。",
        "払戻しを記録すると自動で閉じます。",
        ("/manage/money/counter", "窓口を開く"),
    ),
    CaseKind.SECOND_PERSON: CaseWords(
        "還付の一括が承認を待っている",
        "作成した人とは別の管理者が、「返金」の一括を開き、内容を確かめて承認または却下してください。",
        "承認または却下すると自動で閉じます。",
        ("/manage/money/refunds", "返金を開く"),
    ),
    CaseKind.STUCK: CaseWords(
        "決済サービスの返事がない",
        "決済サービスの障害情報を確かめてください。枠は、結果が分かるまで取り置かれます。",
        "返事があると自動で閉じます。",
    ),
    CaseKind.FOREIGN_MODE: CaseWords(
        "テスト用と本番用が混ざっている",
        "決済サービスの鍵と通知先の設定を、管理会社と確かめてください。この支払では予約は確定していません。",
    ),
    CaseKind.UNPAID_INVOICE: CaseWords(
        "後納の請求が未納",
        "団体に連絡し、入金の予定を確かめてください。予定の日まで「あとで見る」にできます。",
        "入金を記録すると自動で閉じます。",
        ("/manage/money/invoices", "後納の請求を開く"),
    ),
    CaseKind.SETTLEMENT: CaseWords(
        "帳簿と決済サービスの記録が合わない",
        "「帳簿」の照合で、差のある行を確かめてください。決済サービスにしかない入出金は、何かを確かめてからこのページで記帳できます。",
        "差がなくなると自動で閉じます。",
        ("/manage/money/books", "帳簿を開く"),
    ),
    CaseKind.BOOKS: CaseWords(
        "帳簿の点検で食い違いが見つかった",
        "「帳簿」の点検の結果を開き、管理会社に連絡してください。それまで月を締めないでください。",
        page=("/manage/money/books", "帳簿を開く"),
    ),
    CaseKind.CREDIT: CaseWords(
        "後納の預かりが使われないまま繰り越された",
        "請求から引ききれない取消の分を、翌月へ繰り越しています。今後の利用予定を団体に確かめ、"
        "利用がないときは、その請求のページで払い戻してください。",
        "次の請求で使いきるか、払い戻すと自動で閉じます。",
        ("/manage/money/invoices", "後納の請求を開く"),
    ),
    CaseKind.REVIEW: CaseWords(
        "返金の判断に使う電子錠の記録が届かない",
        "電子錠の通信を確かめてください。直らないときは、「還付」の「電子錠の記録を待つ返金」で、返金するかどうかを決めてください。",
        "記録が届くか、職員が決めると自動で閉じます。",
        ("/manage/money/refunds#reviews-title", "還付を開く"),
    ),
    CaseKind.RELIEF: CaseWords(
        "減免の申請が決まっていない",
        "「減免」で申請の内容と書類を確かめ、承認するかどうかを決めてください。",
        "決めると自動で閉じます。",
        ("/manage/money/relief", "減免の申請を開く"),
    ),
}

URGENT = frozenset({CaseKind.DISPUTE, CaseKind.SETTLEMENT, CaseKind.BOOKS, CaseKind.FOREIGN_MODE})
"""What costs money by waiting, or shows that the books cannot be trusted: first in every list."""

DISPUTE_REASONS: Mapping[str, str] = {
    "fraudulent": "本人が使った覚えがない",
    "duplicate": "二重に支払った",
    "product_not_received": "利用できなかった",
    "product_unacceptable": "利用の内容に不満がある",
    "subscription_canceled": "解約したはず",
    "credit_not_processed": "返金されていない",
    "unrecognized": "明細に覚えがない",
    "general": "理由の記載なし",
}

DISPUTE_STATES: Mapping[str, tuple[str, str]] = {
    "warning_needs_response": ("問合せ（回答待ち）", "wait"),
    "warning_under_review": ("問合せ（確認中）", "wait"),
    "warning_closed": ("問合せ終了", "quiet"),
    "needs_response": ("反証待ち", "bad"),
    "under_review": ("カード会社が確認中", "wait"),
    "won": ("退けられた", "good"),
    "lost": ("認められた", "bad"),
    "prevented": ("未然に防止", "quiet"),
}


def words_of(kind: str) -> CaseWords:
    """The words of a kind."""
    return WORDS[CaseKind(kind)]
