"""Why a lock cannot be taken off, moved or given an order, in words for the manager who asked."""

from core.errors import Refused


class LockIsDead(Refused):
    """It was replaced, stolen or decommissioned; a dead lock never comes back."""

    code = "lock_dead"
    sentence = "この電子錠はすでに外されています。外した電子錠は元に戻せません。"


class VendorKeepsIt(Refused):
    """It is reached through its maker's service, which keeps its secrets."""

    code = "vendor_keeps_it"
    sentence = "この電子錠はメーカーのサービスで管理しているため、この操作はできません。"


class SharedCode(Refused):
    """It shares a code with other doors, and would take their secret to a door that has another one."""

    code = "shared_code"
    sentence = (
        "ほかの扉と同じ暗証番号を使う電子錠は、別の番号の扉へは移せません。"
        "「外す」で設定を消してから、移す先で新しく設定してください。"
    )


class NotServing(Refused):
    """It is being wiped."""

    code = "not_serving"
    sentence = "この電子錠は取り外しの途中です。"


class NoCommands(Refused):
    """Commands travel over MQTT alone."""

    code = "no_commands"
    sentence = "この電子錠の通信方式（HTTPS）では、遠隔の操作を送れません。"


class TooManyCommands(Refused):
    """More wait for the lock's next contact than it should be given."""

    code = "too_many_commands"
    sentence = "この電子錠には、送信を待つ操作がたくさんあります。次の通信を待ってください。"
