"""Alarms of locks in words for managers: what it is, and what to do about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locks.alarms.kinds import AlarmKind


@dataclass(frozen=True, slots=True)
class AlarmWords:
    """One kind of alarm."""

    title: str
    next_step: str


WORDS: Mapping[AlarmKind, AlarmWords] = {
    AlarmKind.LATE: AlarmWords(
        "通信が遅れています", "このあとも続くようなら、電波と電源の様子を現地で確かめてください。"
    ),
    AlarmKind.LOST: AlarmWords(
        "通信が途絶えています",
        "現地で電池と電波を確かめてください。今ある予約の暗証番号では開きますが、続くと新しい予約を受けられなくなります。",
    ),
    AlarmKind.BATTERY_LOW: AlarmWords("電池の残りが少ない", "2週間以内に電池を交換してください。"),
    AlarmKind.BATTERY_CRITICAL: AlarmWords(
        "電池が切れそうです", "すぐに電池を交換してください。切れると暗証番号では開きません。"
    ),
    AlarmKind.CLOCK_MARGIN: AlarmWords("時計のずれが大きい", "続くようなら、機器の交換を検討してください。"),
    AlarmKind.LOCK_JAMMED: AlarmWords("かんぬきが動かない", "扉のずれや異物を現地で確かめてください。"),
    AlarmKind.DOOR_FORCED_OPEN: AlarmWords(
        "こじ開けの疑い", "現地を確かめてください。必要なら警察に通報してください。"
    ),
    AlarmKind.DOOR_AJAR: AlarmWords("利用時間外に扉が開いたまま", "現地で扉を閉めてください。"),
    AlarmKind.WRONG_CODE_ENTRY_LIMIT: AlarmWords(
        "暗証番号の入力間違いが続いた", "いたずらでないか、記録を確かめてください。"
    ),
    AlarmKind.TAMPER: AlarmWords("機器への細工の疑い", "現地で機器を確かめてください。"),
    AlarmKind.CANCELLED_OPENING: AlarmWords(
        "取り消された予約の暗証番号で解錠",
        "取消しが電子錠に伝わる前に、その暗証番号が使われました。予約の団体に確かめてください。",
    ),
    AlarmKind.EMERGENCY_USED: AlarmWords(
        "緊急用番号で解錠",
        "使った人と理由を確かめてください。番号は新しいものに替わりました。",
    ),
    AlarmKind.STALE_DESIRED: AlarmWords(
        "古い設定が届いた", "続くようなら、通信の中継に異常がないか確かめてください。"
    ),
    AlarmKind.DESIRED_CONFLICT: AlarmWords(
        "設定の食い違い", "次の通信で新しい設定を送ります。続くようなら管理会社に連絡してください。"
    ),
    AlarmKind.EVENT_LOSS: AlarmWords(
        "記録の一部が失われた", "失われた記録は戻りません。期間を控えてください。"
    ),
    AlarmKind.LOG_OVERFLOW: AlarmWords(
        "記録があふれた", "通信できない間に記録が多すぎました。通信を確かめてください。"
    ),
    AlarmKind.START_UNREACHED: AlarmWords(
        "24時間以内の予約が電子錠に届いていない",
        "利用者には、別の日時・職員による解錠・全額返金を案内しました。解錠に行けるか調整してください。",
    ),
    AlarmKind.REPROVISION_NEEDED: AlarmWords(
        "電子錠の交換が必要です",
        "同じ番号で開く扉の電子錠が盗まれました。この電子錠のページの「電子錠を交換する」から、新しい設定に替えてください。",
    ),
    AlarmKind.VENDOR_REFUSED: AlarmWords(
        "メーカーのサービスが受け付けない", "そのメーカーの管理画面で、登録の状態を確かめてください。"
    ),
}


def words_of(kind: str) -> AlarmWords:
    """The words of an alarm as stored."""
    return WORDS[AlarmKind(kind)]


def detail_in_words(detail: Mapping[str, Any]) -> str:
    """The numbers of an alarm that help whoever looks at it; empty where there are none."""
    parts = []
    if isinstance(detail.get("battery_mv"), int):
        parts.append(f"{detail['battery_mv']:,} mV")
    if isinstance(detail.get("days_left"), int):
        parts.append(f"あと約{max(0, detail['days_left'])}日")
    if isinstance(detail.get("offset_ms"), int):
        parts.append(f"ずれ {detail['offset_ms'] / 1000:+.1f} 秒")
    if detail.get("drift_ppm"):
        parts.append(f"進み方 {detail['drift_ppm']:+d} ppm")
    if isinstance(detail.get("records"), int):
        parts.append(f"{detail['records']:,}件")
    if detail.get("offline"):
        parts.append("通信のない間の解錠")
    return "、".join(parts)
