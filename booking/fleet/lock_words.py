"""One lock in words for managers. Pure."""

from collections.abc import Mapping
from typing import Any

from locks.commands import CommandKind
from locks.commissioning import Step
from locks.models import AccessPointKind, LockState, Transport

STATES: Mapping[LockState, tuple[str, str]] = {
    LockState.PROVISIONED: ("設置の確認中", "wait"),
    LockState.ACTIVE: ("稼働中", "good"),
    LockState.RETIRING: ("取り外し中", "wait"),
    LockState.DEAD: ("使用終了", "quiet"),
}
"""Word and tone of each state."""

DEAD_WHY: Mapping[str, str] = {
    "replaced": "交換しました",
    "stolen": "盗難のため止めました",
    "decommissioned": "取り外しました",
}

STEPS: Mapping[Step, tuple[str, str]] = {
    Step.FIRST_CONTACT: ("最初の通信", "電子錠に設定情報を入力し、電池を入れると、自分で通信します。"),
    Step.TIME_RIGHT: ("時計合わせ", "最初の通信で時計を合わせ、次の通信で合っていることを確かめます。"),
    Step.HOLDS_RIGHTS: ("番号の受取り", "この扉の予約の暗証番号と職員の番号を、電子錠が受け取ります。"),
    Step.TEST_OPENING: (
        "試しの解錠",
        "室内のつまみ・ボタン、または番号で、一度開けてください。つまみで開けたときは、"
        "そのあとボタンをどれか1つ押すと、すぐに通信します。",
    ),
}
"""Name of each check, and what makes it come true."""

KINDS: Mapping[AccessPointKind, str] = {
    AccessPointKind.DOOR_LOCK: "電子錠",
    AccessPointKind.KEY_BOX: "キーボックス",
    AccessPointKind.PADLOCK: "南京錠",
    AccessPointKind.GATE: "門",
}

TRANSPORTS: Mapping[Transport, str] = {
    Transport.MQTT: "MQTT",
    Transport.HTTPS: "HTTPS",
    Transport.VENDOR: "メーカーのサービス",
}

BOLTS = {"locked": "施錠中", "unlocked": "解錠中", "jammed": "かんぬきが動かない"}
DOORS = {"closed": "閉", "open": "開"}
KEYS = {"present": "鍵あり", "out": "鍵は取出し中"}
CLOCKS = {"synced": "合っている", "holdover": "しばらく合わせていない", "unknown": "不明"}
MODES = {"normal": "通常", "passage": "開けたまま", "vacation": "休止"}

COMMANDS: Mapping[CommandKind, str] = {
    CommandKind.IDENTIFY: "音と光で知らせる",
    CommandKind.SYNC_NOW: "続けて通信する",
    CommandKind.SET_MODE: "動作を変える",
}
RESULTS = {
    "ok": "実行しました",
    "unsupported": "この電子錠にはない機能です",
    "expired": "26時間通信がなかったため、送りませんでした",
    "dropped": "送る前に電子錠を外しました",
}

ACTS = {
    "lock.provision": "登録",
    "lock.commission": "設置の確認が完了",
    "lock.replace": "交換",
    "lock.stolen": "盗難の届け",
    "lock.decommission": "取り外し",
    "lock.emptied": "番号の消去が完了",
    "lock.move": "別の扉へ移動",
    "lock.rotate_mac_epoch": "通信の鍵の更新",
    "lock.rotate_code_epoch": "暗証番号の更新",
    "lock.command": "遠隔の操作",
}


def act_in_words(act: str, detail: Mapping[str, Any]) -> str:
    """One entry of the audit log about a lock, with its reason where one was given."""
    words = ACTS.get(act, act)
    if act == "lock.command":
        words = f"{words}:{COMMANDS[CommandKind(detail['kind'])]}"
    reason = detail.get("reason")
    return f"{words}({reason})" if reason else words


def actor_in_words(actor: str, names: Mapping[str, str]) -> str:
    """Who did it: a manager by name, else the system or whoever has the machine."""
    return {"system": "自動", "operator": "運用担当"}.get(actor) or names.get(actor, "不明")
