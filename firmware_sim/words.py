"""What the display, the lamp and the log say, in Japanese."""

from datetime import UTC, datetime, timedelta, timezone

JST = timezone(timedelta(hours=9))

DISPLAY = {
    "ready": "暗証番号を入力してください",
    "typing": "入力したら「確定」を押してください",
    "checking": "確認しています…",
    "opened": "開きました。どうぞ",
    "passage": "開放中です。そのままお入りください",
    "invalid_credential": "この番号では開きません",
    "restricted": "ご利用の時間外です",
    "throttled": "しばらくたってからお試しください",
    "paused": "10秒ほどお待ちください",
    "unset": "時計を合わせています。時間をおいてお試しください",
    "battery": "電池が切れています。管理者にご連絡ください",
    "jammed": "扉を押さえて、もう一度お試しください",
    "identify": "この錠を呼び出しています",
    "dark": "(電池なし)",
}
LAMP = {"off": "消灯", "amber": "黄・点滅", "green": "緑・点灯", "red": "赤・点灯"}
BOLT = {"locked": "施錠", "unlocked": "解錠", "jammed": "つまり"}
DOOR = {"closed": "閉", "open": "開", "none": "センサーなし"}
KEY = {"present": "箱の中", "out": "持ち出し中", "none": "なし"}
QUALITY = {"synced": "正確", "holdover": "未同期", "unknown": "不明"}
MODE = {"normal": "通常", "passage": "開放", "vacation": "休止"}
ERROR = {
    "invalid_credential": "番号ちがい",
    "restricted": "時間外の番号",
    "throttled": "試行が多すぎ",
    "insufficient_battery": "電池不足で開かず",
}
ALARM = {
    "lock_jammed": "かんぬきがつまった",
    "wrong_code_entry_limit": "番号ちがいが続いた",
    "door_forced_open": "施錠中に扉が開いた",
    "door_ajar": "扉が開いたまま",
    "tamper": "こじ開け",
    "battery_low": "電池が少ない",
    "battery_critical": "電池がほとんどない",
    "stale_desired": "新しい予定が届かない",
    "desired_conflict": "予定の食い違い",
    "log_overflow": "履歴があふれた",
}
SOURCE = {"keypad": "暗証番号", "auto": "自動", "manual": "つまみ", "remote": "遠隔", "button": "ボタン"}


def clock_words(unix_s: float | None) -> str:
    """`11/21 17:05:09` in Japan, or a dash."""
    if unix_s is None:
        return "–"
    return datetime.fromtimestamp(unix_s, UTC).astimezone(JST).strftime("%m/%d %H:%M:%S")


def event_words(record: dict[str, object]) -> str:
    """One line of the log; never a code, at most the start of the window that was used."""
    kind = str(record["kind"])
    if kind == "lock_operation":
        return _operation_words(record)
    if kind == "lock_operation_error":
        count = int(str(record.get("count", 1)))
        times = f"({count}回)" if count > 1 else ""
        return f"開かず:{ERROR.get(str(record['error']), str(record['error']))}{times}"
    if kind == "door_lock_alarm":
        return f"警報:{ALARM.get(str(record['alarm']), str(record['alarm']))}"
    if kind == "door_state_change":
        return "扉が開いた" if record.get("door") == "open" else "扉が閉まった"
    if kind == "key_state_change":
        return "鍵が取り出された" if record.get("key") == "out" else "鍵が戻った"
    plain = {
        "boot": "起動",
        "time_changed": "時計を戻した",
        "desired_applied": f"予定 第{record.get('version')}版を保存",
        "command_result": "遠隔の指示を実行",
    }
    return plain.get(kind, kind)


def _operation_words(record: dict[str, object]) -> str:
    done = "解錠" if record["operation"] == "unlock" else "施錠"
    source = SOURCE.get(str(record["source"]), str(record["source"]))
    credential = record.get("credential")
    whose = ""
    if isinstance(credential, list):
        whose = f"・{clock_words(int(str(credential[0])) * 1800)[:-3]}からの枠"
    elif credential is not None:
        whose = f"・職員 {credential}"
    offline = "・通信なし" if record.get("offline") else ""
    return f"{done}({source}{whose}{offline})"
