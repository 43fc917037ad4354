"""The documents' pictures can be taken at any time, and show what they say."""

import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from booking.demo.town import Town
from tests.browser.journey.pictures import HEATMAP, take_pictures
from tests.servers.processes import ROOT

SIZES = {"find": (780, 1688), "month": (780, 1688), "code": (780, 1688), "heatmap": HEATMAP} | dict.fromkeys(
    ("locks", "lock", "alarms", "shelter"), HEATMAP
)
AT_MOST_BYTES = 200_000


@pytest.mark.timeout(180)
def test_pictures_show_the_pages_they_are_named_after(chromium: Browser, town: Town, tmp_path: Path) -> None:
    headings = take_pictures(chromium, town, tmp_path / "pictures", scratch=tmp_path)
    assert headings["find"] == "空きをさがす"
    assert headings["month"].startswith("体育館")
    assert headings["code"] == "暗証番号"
    assert headings["heatmap"].startswith("利用状況")
    assert headings["locks"].startswith("電子錠")
    assert headings["lock"] == "見本武道館 入口"
    assert headings["alarms"].startswith("警報")
    assert headings["shelter"] == "避難所"
    for name, size in SIZES.items():
        assert_fits(tmp_path / "pictures" / f"{name}.png", size)


@pytest.mark.parametrize("name", SIZES)
def test_the_committed_pictures_are_as_large_as_those_taken_now(name: str) -> None:
    assert_fits(ROOT / "docs" / "pictures" / f"{name}.png", SIZES[name])


def assert_fits(picture: Path, size: tuple[int, int]) -> None:
    """A PNG of this many pixels that a document can carry."""
    raw = picture.read_bytes()
    assert raw.startswith(b"\x89PNG")
    assert struct.unpack(">II", raw[16:24]) == size
    assert len(raw) < AT_MOST_BYTES
