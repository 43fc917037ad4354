"""What `locks` refuses, in words a resident or an operator understands."""

from core.errors import BadInput, Refused


class NotSellable(Refused):
    """The lock could not be relied on to open for this window, so nobody may be sold it (protocol section
    6).
    """

    code = "not_sellable"
    sentence = (
        "この時間は電子錠の準備ができていないため、いまは予約できません。"
        "別の時間を選ぶか、窓口へお問い合わせください。"
    )


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
