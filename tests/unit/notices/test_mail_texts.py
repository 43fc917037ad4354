"""What the mails say, and what they never say."""

import re
from datetime import datetime

import pytest
from jinja2 import UndefinedError

from booking.notices.about import About, Office
from booking.notices.mail import TEMPLATES
from booking.notices.texts import Letter, window_in_words, write
from booking.refunding.policy import Stage
from payments.states import Method

OFFICE = Office("米子市", "スポーツ振興課 0859-00-0000")
ID = "019aa000-0000-7000-8000-000000000001"
VALUES = {
    "pay_by": "2026-11-21T00:10:00+00:00",
    "reason": "体育館の床の工事のため",
    "refund_yen": 1320,
    "subject": "【お知らせ】暖房について",
    "body": "暖房が動きません。\n暖かい服でお越しください。",
    "facility": "見本小学校",
    "day": "2026-11-28",
    "title": "通信が途絶えています",
    "next_step": "現地で電池と電波を確かめてください。",
    "count": 2,
    "new": 1,
    "overdue": 1,
    "first": "見本小学校 体育館",
    "lines": "・見本小学校 体育館\n・見本中学校 体育館(4,300 mV)",
    "more": 0,
    "name": "見本 花子",
    "note": "",
    "why": "終了時刻を過ぎても、一度も開けられていませんでした。",
    "group": "見本団体01",
    "month": "2026年11月分",
    "valid_from": "2026-12-01",
    "valid_until": "2027-03-31",
    "due_at": "2026-12-05T00:00:00+00:00",
    "decision": "50%減免",
    "is_granted": True,
    "amount_yen": 4200,
    "due_on": "2026-12-31",
}


STAGES = """
取り消すと、次の金額が戻ります。
・2026年11月21日(土) 19:00まで: 1,320円(全額)
・2026年11月27日(金) 19:00まで: 660円
・その後: 0円

内容の確認と取消し
"""


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


STAGED = (
    Stage(instant("2026-11-21T19:00:00+09:00"), 100, 1320),
    Stage(instant("2026-11-27T19:00:00+09:00"), 50, 660),
    Stage(None, 0, 0),
)


def about(**changed: object) -> About:
    facts: dict[str, object] = {
        "to": "hanako@example.jp",
        "name": "見本 花子",
        "group": "見本団体01",
        "place": "見本小学校 体育館 半面A",
        "starts_at": instant("2026-11-28T19:00:00+09:00"),
        "ends_at": instant("2026-11-28T21:00:00+09:00"),
        "amount_yen": 1320,
        "permit_number": 17,
        "reveal_from": instant("2026-11-28T16:00:00+09:00"),
        "stages": (Stage(instant("2026-11-27T19:00:00+09:00"), 100, 1320), Stage(None, 0, 0)),
    }
    return About(**{**facts, **changed})  # type: ignore[arg-type]


def letter(template: str, *, facts: About | None = None, **changed: object) -> Letter:
    known = TEMPLATES[template]
    params = {name: VALUES[name] for name in known.params} | changed
    if known.is_about_reservation:
        params["reservation_id"] = ID
        facts = facts or about()
    return write(template, params=params, about=facts, office=OFFICE, base_url="https://kaiho.example.jp")


@pytest.mark.parametrize(
    ("pays_by", "words"),
    [
        (Method.STRIPE, "お支払いのカードなどへお返しします"),
        (Method.CASH, "窓口で現金でお返しします。窓口へお越しください"),
        (Method.SLIP, "振込または窓口でお返しします"),
        (Method.INVOICE, "1,320円を、後納の請求から差し引きます"),
    ],
)
def test_who_cancels_reads_how_the_money_goes_back(pays_by: Method, words: str) -> None:
    assert words in letter("cancelled", facts=about(pays_by=pays_by)).body


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_each_mail_has_a_subject_of_one_line_and_says_whom_to_ask(template: str) -> None:
    written = letter(template)
    assert written.subject
    assert "\n" not in written.subject
    assert "スポーツ振興課 0859-00-0000" in written.body
    assert "{{" not in written.body
    assert "\n\n\n" not in written.body, written.body


@pytest.mark.parametrize(
    "template", sorted(t for t, known in TEMPLATES.items() if known.is_about_reservation)
)
def test_each_mail_about_a_reservation_names_place_time_and_group(template: str) -> None:
    body = letter(template).body
    assert "見本 花子 様" in body
    assert "見本小学校 体育館 半面A" in body
    assert "2026年11月28日(土) 19:00〜21:00" in body
    assert "見本団体01" in body


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_no_mail_has_anything_like_a_door_code(template: str) -> None:
    words = re.sub(r"https?://\S+", "", letter(template).body)
    assert not re.search(r"(?<![\d-])\d{6,10}(?![\d-])", words)


def test_a_confirmation_leads_to_the_code_page_and_says_from_when() -> None:
    body = letter("confirmed").body
    assert f"https://kaiho.example.jp/reservations/{ID}/code\n" in body
    assert "2026年11月28日(土) 16:00から" in body
    assert "許可番号: 17" in body


def test_a_confirmation_names_every_stage_of_the_policy_as_sold() -> None:
    assert STAGES in letter("confirmed", facts=about(stages=STAGED)).body
    later = letter("confirmed", facts=about(stages=STAGED, pays_by=Method.INVOICE)).body
    assert (
        "取り消すと、次の金額を請求から差し引きます。\n・2026年11月21日(土) 19:00まで: 1,320円(全額)\n"
        in later
    )


@pytest.mark.parametrize(
    ("amount_yen", "words"), [(1320, "この予約は、取り消してもお金は戻りません。"), (0, "")]
)
def test_a_confirmation_promises_nothing_where_nothing_comes_back(amount_yen: int, words: str) -> None:
    facts = about(stages=(Stage(None, 0, 0),), amount_yen=amount_yen, permit_number=None)
    body = letter("confirmed", facts=facts).body
    assert words in body
    assert "その後" not in body
    assert "次の金額" not in body
    assert "許可番号" not in body


def test_money_back_is_named_in_yen_and_none_is_said_plainly() -> None:
    assert "返金額: 1,320円" in letter("cancelled").body
    assert "返金はありません。" in letter("cancelled", refund_yen=0).body
    assert "1,320円 は、全額をお返しします" in letter("revoked").body
    assert "料金はいただいていません" in letter("revoked", refund_yen=0).body


def test_payment_deadlines_are_in_tokyo_time() -> None:
    assert "お支払いの期限: 2026年11月21日(土) 09:10" in letter("made").body


def test_a_bulk_mail_keeps_the_writers_lines_and_characters() -> None:
    written = letter("bulk", body="1行目 <b>&amp;\n2行目 {{ 1 }}")
    assert "1行目 <b>&amp;\n2行目 {{ 1 }}" in written.body
    assert written.subject == "【お知らせ】暖房について"


def test_a_row_that_lacks_something_is_an_error_and_not_half_a_mail() -> None:
    with pytest.raises(UndefinedError):
        write(
            "rejected",
            params={"reservation_id": ID},
            about=about(),
            office=OFFICE,
            base_url="https://kaiho.example.jp",
        )


def test_a_window_until_midnight_ends_at_24_00() -> None:
    words = window_in_words(instant("2026-11-28T23:00:00+09:00"), instant("2026-11-29T00:00:00+09:00"))
    assert words == "2026年11月28日(土) 23:00〜24:00"
    longer = window_in_words(instant("2026-11-28T23:00:00+09:00"), instant("2026-11-29T01:00:00+09:00"))
    assert longer == "2026年11月28日(土) 23:00〜2026年11月29日(日) 01:00"


def test_days_on_end_are_named_from_the_first_to_the_last() -> None:
    words = window_in_words(instant("2026-11-28T00:00:00+09:00"), instant("2026-11-30T00:00:00+09:00"))
    assert words == "2026年11月28日(土) 00:00〜2026年11月29日(日) 24:00"


def test_an_alarm_names_every_door_or_says_how_many_more() -> None:
    two = letter("lock_alarm")
    assert two.subject == "【電子錠】通信が途絶えています: 見本小学校 体育館 ほか1か所"
    assert "・見本中学校 体育館(4,300 mV)" in two.body
    assert "https://kaiho.example.jp/manage/alarms" in two.body
    assert "ほか" not in two.body
    assert "ほか 480か所" in letter("lock_alarm", count=500, more=480).body
    assert letter("lock_alarm", count=1).subject.endswith("見本小学校 体育館")


def test_who_may_stand_before_a_shut_door_is_offered_three_ways_out() -> None:
    body = letter("door_unreached").body
    for way in ("職員が開けに行きます", "別の日時や施設", "全額をお返しします"):
        assert way in body
    assert "お返しします" not in letter("door_unreached", facts=about(amount_yen=0)).body
