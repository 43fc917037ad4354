"""The keypad in a browser at phone size: keys, display, keyboard, and axe-core."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.integration.firmware_sim.conftest import Gateway, Simulator
from tests.servers.browser import assert_axe_clean
from tests.unit.firmware_sim.server_double import ServerDouble

LOCK, BOX = "00112233445566ff", "00112233445566fe"


@pytest.fixture
def server(install: Callable[..., ServerDouble], gateway: Gateway) -> ServerDouble:
    server = install(LOCK, "見本体育館 正面玄関")
    gateway.publish(server, grants=[gateway.window()])
    return server


@pytest.fixture
def simulator(server: ServerDouble, simulate: Callable[[], Simulator]) -> Simulator:
    running = simulate()
    running.applied(LOCK, server.version)
    return running


def test_a_visitor_finds_the_door_and_opens_it_by_touch(
    simulator: Simulator, server: ServerDouble, page: Page, tmp_path: Path
) -> None:
    page.goto(simulator.base)
    assert_axe_clean(page)
    page.get_by_role("link", name="見本体育館").tap()
    expect(page.locator("#bolt")).to_have_text("施錠")
    expect(page.locator("#applied")).to_have_text("第1版")
    assert_axe_clean(page)
    code = server.code(*server.desired["grants"][0])
    for digit in code[:4]:
        page.get_by_role("button", name=digit, exact=True).tap()
    expect(page.locator("#typed")).to_have_text("●●●●")
    for digit in code[4:]:
        page.get_by_role("button", name=digit, exact=True).tap()
    page.get_by_role("button", name="確定").tap()
    expect(page.locator("#message")).to_have_text("開きました。どうぞ")
    expect(page.locator("#bolt")).to_have_text("解錠")
    expect(page.locator("#lamp-text")).to_have_text("緑・点灯")
    expect(page.locator("#log li").first).to_contain_text("解錠(暗証番号")
    assert code not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=tmp_path / "opened.png", full_page=True)
    assert_axe_clean(page)


def test_it_works_from_the_keyboard_and_refuses_in_words(simulator: Simulator, page: Page) -> None:
    page.goto(f"{simulator.base}keypad/{LOCK}")
    expect(page.locator("#applied")).to_have_text("第1版")
    for key in ("9", "9", "Backspace", *"12345678"):
        page.keyboard.press(key)
    expect(page.locator("#typed")).to_have_text("●" * 8)
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_have_text("この番号では開きません")
    expect(page.locator("#bolt")).to_have_text("施錠")
    expect(page.locator("#log li").first).to_contain_text("番号ちがい")
    page.get_by_role("button", name="確定").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_its_switches_move_the_door_the_radio_and_the_battery(simulator: Simulator, page: Page) -> None:
    page.goto(f"{simulator.base}keypad/{LOCK}")
    page.get_by_role("button", name="扉を開ける").tap()
    expect(page.locator("#door-position")).to_have_text("開")
    expect(page.get_by_role("button", name="扉を閉める")).to_be_visible()
    page.get_by_role("button", name="電波を切る").tap()
    expect(page.locator("#network")).to_have_text("切")
    page.get_by_role("button", name="電池を抜く").tap()
    expect(page.locator("#battery")).to_have_text("なし")
    expect(page.locator("#message")).to_have_text("(電池なし)")
    page.get_by_role("button", name="電池を入れる").tap()
    expect(page.locator("#clock")).to_contain_text("不明")
    assert_axe_clean(page)


def test_every_key_is_large_enough_for_a_thumb(simulator: Simulator, page: Page) -> None:
    page.goto(f"{simulator.base}keypad/{LOCK}")
    expect(page.locator("#applied")).to_have_text("第1版")
    buttons = page.get_by_role("button").all()
    assert len(buttons) == 16
    for button in buttons:
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44


def test_the_key_of_a_box_is_taken_and_put_back_while_it_is_open(
    install: Callable[..., ServerDouble], gateway: Gateway, simulate: Callable[[], Simulator], page: Page
) -> None:
    box = install(BOX, "見本小学校 キーボックス", "key_box")
    gateway.publish(box, grants=[gateway.window()])
    running = simulate()
    running.applied(BOX, box.version)
    page.goto(f"{running.base}keypad/{BOX}")
    expect(page.locator("#key-position")).to_have_text("箱の中")
    expect(page.locator("#do-key")).to_be_disabled()
    assert_axe_clean(page)
    for digit in box.code(*box.desired["grants"][0]):
        page.keyboard.press(digit)
    page.keyboard.press("Enter")
    expect(page.locator("#bolt")).to_have_text("解錠")
    page.get_by_role("button", name="鍵を取り出す").tap()
    expect(page.locator("#key-position")).to_have_text("持ち出し中")
    expect(page.locator("#log li").first).to_contain_text("鍵が取り出された")
    assert_axe_clean(page)
    page.get_by_role("button", name="鍵を戻す").tap()
    expect(page.locator("#key-position")).to_have_text("箱の中")
