"""What staff rights refuse, in words a manager understands."""

from core.errors import Refused


class OwnRight(Refused):
    """Whoever gives a right is not who gets it: two people know of every staff code."""

    code = "own_right"
    sentence = "自分の番号を自分で発行することはできません。ほかの管理者に依頼してください。"


class TooManyStaffCodes(Refused):
    """A lock has room for so many verifiers beside what is sold there."""

    code = "too_many_staff_codes"
    sentence = "この電子錠の職員の番号が上限に達しています。使わない番号を終了してください。"
