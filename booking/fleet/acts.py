"""What a manager can do to a lock, and what each confirmation page says will happen. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from locks.models import LockState, Transport
from locks.portrait import Portrait


@dataclass(frozen=True, slots=True)
class Act:
    """One of them, in words."""

    slug: str
    title: str
    button: str
    done: str
    what: Callable[[Portrait], Sequence[str]]
    """What will happen, a sentence each."""
    is_danger: bool = True


def offered(seen: Portrait) -> list[Act]:
    """What can be done to this lock as it is now, in the order of its page."""
    if seen.state == LockState.DEAD:
        return []
    if seen.transport == Transport.VENDOR:
        # Its maker keeps its secrets.
        return [ACTS["decommission"]]
    if seen.state == LockState.RETIRING:
        return [ACTS[slug] for slug in ("decommission", "replace", "stolen")]
    return list(ACTS.values())


def _same_code(seen: Portrait) -> str:
    return f"同じ番号で開く扉({'、'.join(seen.opens_with)})"


def _replace(seen: Portrait) -> list[str]:
    keeps = not seen.must_be_provisioned_anew and seen.confirmed_code_epoch in (None, seen.code_epoch)
    return [
        "いまの電子錠は、すぐに使えなくなります。元には戻せません。",
        "新しい電子錠に入力する設定情報を、次の画面に一度だけ表示します。"
        "設置する人がその場で入力できるときに進めてください。",
        "利用者の暗証番号は変わりません。"
        if keeps
        else "この扉の暗証番号は新しくなります。予約した人へメールで知らせます。",
        "新しい電子錠が最初の通信を終えるまで、予約の画面には「お電話ください」と表示されます。",
    ]


def _stolen(seen: Portrait) -> list[str]:
    said = [
        "この電子錠からの通信を、すぐに、これからもずっと受け付けません。元には戻せません。",
        "この扉の暗証番号は、すべて新しくなります。予約した人へメールで知らせます。",
        "この扉を開ける職員の番号と緊急用番号も、新しくなります。緊急用番号の一覧(紙)は作り直してください。",
    ]
    if seen.opens_with:
        said.append(
            f"{_same_code(seen)}の電子錠は、交換するまで前の番号で開きます。"
            "盗んだ人がその番号を計算できるため、早めに交換してください。警報でも知らせます。"
        )
    return [*said, "「暗証番号をすべて替える」では、盗まれた電子錠の対策になりません。"]


def _decommission(seen: Portrait) -> list[str]:
    return [
        "メーカーのサービスから、この電子錠の番号をすべて取り消します。元には戻せません。"
        if seen.transport == Transport.VENDOR
        else "次の通信で、電子錠の中の番号をすべて消します。"
        "消えたことを電子錠が知らせると、取り外しが完了します。",
        "これからは、予約の暗証番号でも、職員の番号や緊急用番号でも開かなくなります。",
        "この扉の予約の画面には「お電話ください」と表示されます。",
    ]


def _move(_seen: Portrait) -> list[str]:
    return [
        "移した先で最初の通信を終えるまでは、前の扉の番号で開きます。取り付けたら、すぐに通信させてください。",
        "移した先で、もう一度、設置の確認が必要です。",
        "前の扉の予約の画面には、次の電子錠を付けるまで「お電話ください」と表示されます。",
        "移した先が別の番号の扉なら、両方の扉の暗証番号が新しくなります。予約した人へメールで知らせます。",
    ]


def _rotate_keys(_seen: Portrait) -> list[str]:
    return [
        "電子錠とサーバーが通信に使う鍵を、次の通信から新しくします。",
        "暗証番号は変わりません。",
        "盗まれた電子錠の対策にはなりません。そのときは「盗まれた電子錠を止める」を選んでください。",
    ]


def _rotate_codes(seen: Portrait) -> list[str]:
    doors = f"この扉と{_same_code(seen)}" if seen.opens_with else "この扉"
    return [
        f"{doors}の、まだ終わっていない予約の暗証番号が、すべて変わります。",
        "電子錠が次に通信したときに切り替わり、予約した人へメールで知らせます。それまでは前の番号で開きます。",
        "盗まれた電子錠の対策にはなりません。そのときは「盗まれた電子錠を止める」を選んでください。",
    ]


ACTS = {
    act.slug: act
    for act in (
        Act("replace", "電子錠を交換する", "交換する", "", _replace),
        Act(
            "move",
            "別の扉へ移す",
            "移す",
            "移しました。取り付けた先で通信させて、設置の確認を終えてください。",
            _move,
        ),
        Act(
            "rotate-keys",
            "通信の鍵を替える",
            "鍵を替える",
            "次の通信から、新しい鍵を使います。",
            _rotate_keys,
            is_danger=False,
        ),
        Act(
            "rotate-codes",
            "暗証番号をすべて替える",
            "番号を替える",
            "電子錠が次に通信したときに、新しい番号に替わります。",
            _rotate_codes,
        ),
        Act("decommission", "電子錠を外す", "外す", "受け付けました。", _decommission),
        Act(
            "stolen",
            "盗まれた電子錠を止める",
            "盗まれたので止める",
            "止めました。この扉には、新しい電子錠を登録してください。",
            _stolen,
        ),
    )
}
"""By slug, in the order of the page."""
