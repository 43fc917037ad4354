"""What a person typed on the card page, checked for form before any attempt to pay."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from payments.sandbox.attempts import CardEntry
from payments.sandbox.cards import NotACardNumber, card_by_number
from payments.sandbox.store import Body

TOKYO = ZoneInfo("Asia/Tokyo")
FIELDS = ("card_number", "expiry", "cvc", "name")
_EXPIRY = re.compile(r"^(\d{1,2})\s*[/\-]?\s*(\d{2}|\d{4})$")

_DECLINED = {
    "generic_decline": "カードが承認されませんでした。別のカードでお試しください。",
    "insufficient_funds": "カードの利用可能額が足りません。別のカードでお試しください。",
    "expired_card": "カードの有効期限が切れています。別のカードでお試しください。",
    "incorrect_cvc": "セキュリティコードが違います。もう一度ご入力ください。",
    "processing_error": "カード会社との通信に失敗しました。しばらくしてからもう一度お試しください。",
    "test_mode_live_card": "実際のカードは使えません。テスト用カード番号をご入力ください。",
    "payment_intent_authentication_failure": "本人認証ができませんでした。もう一度お試しください。",
}


class Invalid(ValueError):
    """One sentence for each field that cannot be read, in the order of the form."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def parse(form: Mapping[str, str], now: int) -> CardEntry:
    """The card as typed; full-width digits, blanks and hyphens are fine.

    Raises:
        Invalid: with a sentence per field.
    """
    typed = {name: unicodedata.normalize("NFKC", form.get(name, "")).strip() for name in FIELDS}
    errors: dict[str, str] = {}
    number = re.sub(r"[\s\-]", "", typed["card_number"])
    try:
        card_by_number(number)
    except NotACardNumber:
        errors["card_number"] = "カード番号を確認してください。"
    month, year = _expiry(typed["expiry"], now, errors)
    if not re.fullmatch(r"\d{3,4}", typed["cvc"]):
        errors["cvc"] = "セキュリティコードを3〜4桁で入力してください。"
    if not typed["name"] or len(typed["name"]) > 100:
        errors["name"] = "カードの名義を入力してください。"
    if errors:
        raise Invalid(errors)
    return CardEntry(number, month, year, typed["name"])


def decline_sentence(intent: Body) -> str | None:
    """Why the last attempt failed, for the person who pays; none if it did not."""
    error = intent["last_payment_error"]
    if error is None:
        return None
    return _DECLINED.get(error.get("decline_code") or error["code"], _DECLINED["generic_decline"])


def _expiry(text: str, now: int, errors: dict[str, str]) -> tuple[int, int]:
    match = _EXPIRY.match(text)
    if match is None or not 1 <= int(match.group(1)) <= 12:
        errors["expiry"] = "有効期限を月/年で入力してください。"
        return 0, 0
    month, year = int(match.group(1)), int(match.group(2))
    year += 2000 if year < 100 else 0
    today = datetime.fromtimestamp(now, UTC).astimezone(TOKYO)
    if (year, month) < (today.year, today.month):
        errors["expiry"] = "有効期限が過ぎています。"
    return month, year
