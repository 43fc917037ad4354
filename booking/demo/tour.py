"""`kaiho demo --tour`: the whole story, once, against real processes; it narrates and judges itself.

A resident books, pays and opens a door; a code is refused before its window and after a cancellation; a lock
without network opens for somebody who booked after the line went dead. The exit code is 0 only if all of it
happened.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from booking.demo.keypad import Keypads
from booking.demo.ports import wait_until
from booking.demo.resident import Booked, Manager, Resident
from booking.demo.town import Town
from core.clock import TOKYO, SystemClock
from core.errors import KaihoError
from core.window import GRANULE_S

GYM = "見本体育館"
GRANULES_A_DAY = 48


class StoryBroken(KaihoError):
    """Something happened that must not, or did not that must."""

    code = "story_broken"


class Tour:
    """The story over one town."""

    def __init__(self, town: Town, ended: threading.Event) -> None:
        self._town, self._ended = town, ended
        self._clock = SystemClock()
        self._began = time.monotonic()
        self._doors = Keypads(town.at.doors_url)
        self._resident = Resident(town.at.web_url, "mihon-shimin@example.jp", town.sample_password)
        self._manager = Manager(town.at.web_url, "mihon-kanri@example.jp", town.sample_password)

    def run(self) -> None:
        """Every chapter in turn.

        Raises:
            StoryBroken: names what went otherwise than it must.
        """
        lock = self._settle_in()
        first = self._book_pay_open(lock)
        self._refused_before(lock)
        self._refused_after_cancellation(lock)
        self._money_goes_back()
        self._opens_without_network(lock)
        self._manager_sees(first)

    def _settle_in(self) -> str:
        with self._chapter("利用者と管理者がログインし、電子錠が最初の連絡を終える"):
            self._resident.sign_in()
            self._manager.sign_in()
            lock = next(door["lock"] for door in self._doors.all() if door["name"].startswith(GYM))
            wait_until(
                lambda: bool(self._doors.door(lock)["applied"]), "the lock has no desired state", at_most_s=60
            )
        return str(lock)

    def _book_pay_open(self, lock: str) -> Booked:
        with self._chapter("いま空いている半面Aを予約し、カードで支払い、暗証番号で扉を開ける"):
            booked = self._resident.book(GYM, "半面A", *self._running())
            self._resident.pay(booked)
            self._expect(lock, self._resident.code(booked), opens=True)
        return booked

    def _refused_before(self, lock: str) -> None:
        with self._chapter("このあとの枠の暗証番号は、時間になるまで開かない"):
            start, length = self._running()
            later = self._resident.book(GYM, "半面A", start + length + 2, 2)
            self._resident.pay(later)
            self._expect(lock, self._resident.code(later), opens=False)

    def _refused_after_cancellation(self, lock: str) -> None:
        with self._chapter("半面Bを予約して取り消す。電子錠に届いていた暗証番号は、次の通信から開かない"):
            booked = self._resident.book(GYM, "半面B", *self._running())
            self._resident.pay(booked)
            code = self._resident.code(booked)
            self._doors.sync(lock)
            self._wait_on_the_lock(booked)
            self._resident.cancel(booked)
            if not self._resident.revocation_is_pending(booked):
                raise StoryBroken("the page hides that the lock has not heard of the cancellation yet")
            self._say("取消し：電子錠が次に通信するまでは「取消しの連絡待ち」と表示される")
            self._doors.sync(lock)
            self._wait_for_revocation(booked)
            self._expect(lock, code, opens=False)

    def _money_goes_back(self) -> None:
        with self._chapter("あさっての予約を期限前に取り消すと、料金が戻る"):
            start, _length = self._running()
            booked = self._resident.book(GYM, "半面A", start + 2 * GRANULES_A_DAY, 2)
            self._resident.pay(booked)
            self._resident.cancel(booked)
            wait_until(
                lambda: self._resident.refund(booked) == "succeeded",
                "the money did not go back",
                at_most_s=30,
                every_s=0.5,
            )

    def _opens_without_network(self, lock: str) -> None:
        with self._chapter("電子錠の通信を切る。そのあとで予約した人も、同じように扉を開ける"):
            self._doors.radio(lock, up=False)
            try:
                booked = self._resident.book(GYM, "半面B", *self._running())
                self._resident.pay(booked)
                answer = self._expect(lock, self._resident.code(booked), opens=True)
                if not answer["offline"]:
                    raise StoryBroken("the lock had a network after all")
            finally:
                self._doors.radio(lock, up=True)
            self._doors.sync(lock)

    def _manager_sees(self, booked: Booked) -> None:
        with self._chapter("管理者の今日の一覧に、扉が開いたことが見える"):
            wait_until(
                lambda: self._resident.state(booked) == "used",
                "the opening was not told",
                at_most_s=30,
                every_s=0.5,
            )
            page = self._manager.board()
            if GYM not in page.text or "に解錠" not in page.text:
                raise StoryBroken("the board does not show the opening")

    def _running(self) -> tuple[int, int]:
        """(granule, length) of a window that runs now and is still sold: one hour, or two near its end."""
        now = self._clock.now()
        hour = int(now.timestamp()) // 3600 * 2
        left_s = (hour + 2) * GRANULE_S - now.timestamp()
        return hour, 2 if left_s > timedelta(minutes=31).total_seconds() else 4

    def _wait_on_the_lock(self, booked: Booked) -> None:
        wait_until(
            lambda: self._resident.standing(booked) == "on_the_lock",
            "the code never reached the lock",
            at_most_s=30,
            every_s=0.3,
        )

    def _wait_for_revocation(self, booked: Booked) -> None:
        wait_until(
            lambda: not self._resident.revocation_is_pending(booked),
            "the lock never heard of the cancellation",
            at_most_s=30,
            every_s=0.3,
        )

    def _expect(self, lock: str, code: str, *, opens: bool) -> dict[str, object]:
        answer = self._doors.type(lock, code)
        if bool(answer["opened"]) is not opens:
            raise StoryBroken(f"the door should {'open' if opens else 'stay shut'} but: {answer['outcome']}")
        self._say(
            f"扉：{'開いた' if opens else '開かない'}（{answer['outcome']}"
            f"{'、通信なし' if answer.get('offline') else ''}）"
        )
        return answer

    @contextmanager
    def _chapter(self, title: str) -> Iterator[None]:
        if self._ended.is_set():
            raise KeyboardInterrupt
        begun = time.monotonic()
        self._say(title)
        yield
        self._say(f"できました（{time.monotonic() - begun:.1f} 秒）")

    def _say(self, words: str) -> None:
        click.echo(f"{time.monotonic() - self._began:6.1f} s  {words}")


def run_tour(*, database_url: str | None = None, ended: threading.Event | None = None) -> int:
    """Start a fresh town on free ports, run the story, stop the town. 0 only if the story held."""
    folder = Path(tempfile.mkdtemp(prefix="kaiho-tour-"))
    broken = tell(Town(folder, database_url=database_url), ended or threading.Event())
    if not broken:
        shutil.rmtree(folder)
    return broken


def tell(town: Town, ended: threading.Event) -> int:
    """Start a town, run the story over it, stop it: 0 if the story held, else 1.

    Raises:
        KeyboardInterrupt: `ended` was set; the town is stopped.
    """
    begun = time.monotonic()
    try:
        town.start()
        click.echo(
            f"町が起きた（{time.monotonic() - begun:.1f} 秒、{SystemClock().now().astimezone(TOKYO):%H:%M}）"
        )
        Tour(town, ended).run()
        click.echo("すべて確かめました。")
    except KaihoError as broken:
        click.echo(f"物語が途切れました: {broken}\n記録: {town.log_folder}", err=True)
        return 1
    finally:
        town.stop()
    return 0
