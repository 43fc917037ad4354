"""The one tree of errors. A leaf has a stable `code` and a sentence; HTTP numbers are the skin's business."""


class KaihoError(Exception):
    """Anything we refuse or cannot do, said so that a person understands it.

    Attributes:
        code: stable, lower case with underscores; clients may depend on it.
        sentence: Japanese, shown as it is.
    """

    code = "error"
    sentence = "処理できませんでした。"

    def __init__(self, detail: str = "", *, sentence: str | None = None) -> None:
        super().__init__(detail or self.code)
        if sentence is not None:
            self.sentence = sentence


class Refused(KaihoError):
    """A rule says no; nothing was written."""

    code = "refused"


class BadInput(Refused):
    """What was sent cannot be read."""

    code = "bad_input"
    sentence = "入力内容を確認してください。"


class NotThere(Refused):
    """It does not exist, or it is not yours: the two look the same."""

    code = "not_found"
    sentence = "見つかりませんでした。"


class SignInNeeded(Refused):
    """Only someone signed in may do this."""

    code = "sign_in_needed"
    sentence = "ログインしてください。"


class TooMany(Refused):
    """Too many tries in too short a time."""

    code = "too_many_requests"
    sentence = "操作が続いています。しばらくしてからもう一度お試しください。"


class Unavailable(KaihoError):
    """Something outside does not answer; trying again later may help."""

    code = "unavailable"
    sentence = "ただいま接続できません。しばらくしてからもう一度お試しください。"


class RejectedOutside(KaihoError):
    """Something outside answered no; trying the same again will not help."""

    code = "rejected_outside"
    sentence = "外部サービスで処理できませんでした。"


class ContractBroken(KaihoError):
    """Our own code did what it must not; never the user's fault."""

    code = "internal_error"
    sentence = "システムの内部でエラーが起きました。"
