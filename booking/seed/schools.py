"""The schools of Yonago, as data.

Source: field.md 5 (Yonago's school lists of FY2017, MEXT school codes and positions where known). A name that
no source confirms carries `NAME_UNSURE`, which residents see.
"""

from dataclasses import dataclass

from locks.models import AccessPointKind

NAME_UNSURE = "名称は要確認"


@dataclass(frozen=True, slots=True)
class School:
    """A school as published; None where no source says."""

    slug: str
    name: str
    code: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    note: str | None = None


def _elementary(slug: str, name: str) -> School:
    return School(f"elementary-{slug}", f"{name}小学校")


ELEMENTARY = (
    _elementary("sumiyoshi", "住吉"),
    _elementary("fukuyonehigashi", "福米東"),
    _elementary("fukuyonenishi", "福米西"),
    _elementary("fukuikehigashi", "福生東"),
    _elementary("kamo", "加茂"),
    _elementary("yodoe", "淀江"),
    _elementary("kuzumo", "車尾"),
    School(
        "elementary-gihou",
        "義方小学校",
        "B131210000263",
        "鳥取県米子市義方町9-20",
        35.43875,
        133.323361,
    ),
    _elementary("yumigahama", "弓ヶ浜"),
    _elementary("hakusen", "伯仙"),
    School(
        "elementary-shusho",
        "就将小学校",
        "B131210000281",
        "鳥取県米子市愛宕町94",
        35.421139,
        133.330806,
    ),
    _elementary("meido", "明道"),
    _elementary("minokaya", "箕蚊屋"),
    _elementary("keisei", "啓成"),
    _elementary("fukuikenishi", "福生西"),
    _elementary("hikona", "彦名"),
    _elementary("shotoku", "尚徳"),
    _elementary("kawasaki", "河崎"),
    _elementary("narumi", "成実"),
    _elementary("sakitsu", "崎津"),
    _elementary("gosengoku", "五千石"),
    _elementary("wada", "和田"),
    _elementary("oshinozu", "大篠津"),
)

JUNIOR_HIGH = (
    School(
        "junior-high-fukuike",
        "福生中学校",
        "C131210000109",
        "鳥取県米子市上福原20",
        35.4415,
        133.366111,
    ),
    School(
        "junior-high-miho",
        "美保中学校",
        "C131210000136",
        "鳥取県米子市大篠津町3657-1",
        35.484722,
        133.250306,
    ),
    School("junior-high-fukuyone", "福米中学校"),
    School("junior-high-minatoyama", "湊山中学校"),
    School("junior-high-yodoe", "淀江中学校"),
    School("junior-high-shotoku", "尚徳中学校"),
    School("junior-high-minokaya", "箕蚊屋中学校"),
    School("junior-high-higashiyama", "東山中学校", note=NAME_UNSURE),
    School("junior-high-kamo", "加茂中学校", note=NAME_UNSURE),
    School("junior-high-gotogaoka", "後藤ヶ丘中学校", note=NAME_UNSURE),
    School("junior-high-yumigahama", "弓ヶ浜中学校", note=NAME_UNSURE),
)

SAMPLE_NOTE = "見本の施設です"
SAMPLE_GYM = School("sample-gym", "見本体育館", note=SAMPLE_NOTE)
"""Open around the clock in bands of one hour."""
SAMPLE_SCHOOL = School("sample-school", "見本小学校", note=f"{SAMPLE_NOTE}（体育館に冷暖房があります）")
"""The sample gym that is sold with heating and cooling, in their months."""
SAMPLE_BUDOKAN = School("sample-budokan", "見本武道館", note=f"{SAMPLE_NOTE}（利用には承認が必要です）")
SAMPLE_DOORS: dict[str, tuple[AccessPointKind, ...]] = {
    SAMPLE_GYM.slug: (AccessPointKind.DOOR_LOCK,),
    SAMPLE_SCHOOL.slug: (AccessPointKind.DOOR_LOCK, AccessPointKind.GATE, AccessPointKind.KEY_BOX),
    SAMPLE_BUDOKAN.slug: (AccessPointKind.DOOR_LOCK,),
}
"""By slug; all doors of one facility open with one code."""
