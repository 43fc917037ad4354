"""What `locks` refuses, in words a resident or an operator understands."""

from collections.abc import Mapping
from enum import StrEnum

from core.errors import BadInput, Refused


class WhyNot(StrEnum):
    """Why a lock could not be relied on to open for a window; `NotSellable.sentences` says it to people."""

    NO_CONTACT = "no_contact"
    """The lock is lost, and what it last confirmed does not list the start."""
    NOT_LISTED = "not_listed"
    """The lock is in touch, but has not confirmed the start yet (or, new on the door, anything)."""
    USED_UP = "used_up"
    """So many codes of this start were withdrawn since its last contact that it would not know the next."""
    RETIRING = "retiring"
    """It is being taken off the door."""
    VACATION = "vacation"
    """It is told to honour staff's codes alone."""
    NO_LANE = "no_lane"
    """Its code group does not list the courts."""


class NotSellable(Refused):
    """The lock could not be relied on to open for this window, so nobody may be sold it (protocol section
    6).

    Attributes:
        why: what is in the way; the sentence says it with what to do.
    """

    code = "not_sellable"
    sentences: Mapping[WhyNot, str] = {
        WhyNot.NO_CONTACT: "電子錠と通信できないため、この時間帯の受付を休止しています。"
        "通信が戻ると再開します。ほかの時間帯や施設を選ぶか、窓口へお問い合わせください。",
        WhyNot.NOT_LISTED: "この時間帯は、電子錠への登録を待っています。電子錠が次に通信すると予約できます。"
        "時間をおいてお試しください。",
        WhyNot.USED_UP: "この時間帯は取消しが続いたため、電子錠が次に通信するまで予約できません。"
        "時間をおいてお試しください。",
        WhyNot.RETIRING: "電子錠の取り外し作業のため、この時間帯の受付を休止しています。"
        "窓口へお問い合わせください。",
        WhyNot.VACATION: "電子錠を休止しているため、この時間帯は予約できません。"
        "ほかの時間帯や施設を選んでください。",
        WhyNot.NO_LANE: "この室場の電子錠の設定が済んでいません。窓口へお問い合わせください。",
    }

    def __init__(self, why: WhyNot, detail: str = "") -> None:
        super().__init__(detail or why, sentence=self.sentences[why])
        self.why = why


class TooManyCourts(Refused):
    """A code group has 32 lanes, and a lane is never used again."""

    code = "too_many_courts"
    sentence = "一つの暗証番号グループに登録できる面は32面までです。"


class AlreadyFitted(Refused):
    """The access point has a lock that is not dead."""

    code = "already_fitted"
    sentence = "この電子錠にはすでに制御機が登録されています。"


class BadMessage(BadInput):
    """A lock's message that proves nothing: it changes no state, is counted and kept in quarantine.

    Attributes:
        why: one of `metrics.RESULTS`, for the counter and the quarantine page.
    """

    code = "bad_message"

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(detail or why)
        self.why = why
