"""Children live as long as they should: started again when they die, and gone when the supervisor stops."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from booking.demo.supervisor import Supervisor
from core.errors import ContractBroken
from core.settings import inherited_environment
from tests.servers.loopback import eventually

SLEEPS = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{}', flush=True)\n"
"""Does not end when asked to."""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "log")
    yield made
    made.stop()


def start(supervisor: Supervisor, name: str, code: str, *, announces: bool = False) -> dict[str, str]:
    command = [sys.executable, "-c", code]
    return supervisor.start(name, command, inherited_environment(), announces=announces)


def is_gone(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    # A killed orphan may wait as a zombie for whoever adopted it.
    return not status.exists() or "State:\tZ" in status.read_text()


def runs_again(supervisor: Supervisor, name: str, before: int) -> Callable[[], int]:
    def pid() -> int:
        try:
            found = supervisor.pid(name)
        except ContractBroken:
            return 0
        return found if found != before else 0

    return pid


def test_a_killed_child_is_started_again(supervisor: Supervisor) -> None:
    start(supervisor, "web", SLEEPS)
    before = supervisor.pid("web")
    supervisor.kill("web")
    assert is_gone(before)
    assert eventually(runs_again(supervisor, "web", before), what="the next one")
    assert supervisor.restarts("web") == 1


def test_a_child_that_ends_by_itself_is_started_again_and_waits_longer_each_time(
    supervisor: Supervisor,
) -> None:
    start(supervisor, "web", "raise SystemExit(1)")
    eventually(lambda: supervisor.restarts("web") >= 2, what="two restarts")
    assert supervisor.restarts("web") < 10


def test_a_child_held_down_stays_down_until_let_up(supervisor: Supervisor) -> None:
    start(supervisor, "web", SLEEPS)
    start(supervisor, "other", SLEEPS)
    before = supervisor.pid("web")
    supervisor.hold_down("web")
    # The watcher looks at all of them: when it has revived another, it has passed this one by.
    supervisor.kill("other")
    eventually(lambda: supervisor.restarts("other") == 1, what="the other's restart")
    with pytest.raises(ContractBroken, match="web is not running"):
        supervisor.pid("web")
    supervisor.let_up("web")
    after = supervisor.pid("web")
    assert after != before
    assert supervisor.restarts("web") == 0
    supervisor.let_up("web")
    assert supervisor.pid("web") == after


def test_stopping_leaves_no_process_behind_and_a_second_time_does_nothing(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    family = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        'print(\'{"child": "%d"}\' % child.pid, flush=True)\ntime.sleep(600)\n'
    )
    grandchild = int(start(supervisor, "family", family, announces=True)["child"])
    start(supervisor, "web", SLEEPS)
    start(supervisor, "down", SLEEPS)
    pids = [supervisor.pid(name) for name in ("family", "web", "down")]
    supervisor.hold_down("down")
    supervisor.stop()
    eventually(lambda: all(is_gone(pid) for pid in [*pids, grandchild]), what="the end of all")
    supervisor.stop()
    assert supervisor.restarts("web") == 0


def test_what_a_dead_child_left_behind_is_taken_away_before_the_next_one(supervisor: Supervisor) -> None:
    family = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        'print(\'{"child": "%d"}\' % child.pid, flush=True)\ninput()\n'
    )
    # Nothing on its standard input: it ends at once, its child does not.
    orphan = int(start(supervisor, "family", family, announces=True)["child"])
    eventually(lambda: is_gone(orphan), what="the end of the orphan")


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booking.demo.supervisor._GRACE_S", 0.2)
    supervisor = Supervisor(tmp_path)
    start(supervisor, "stubborn", STUBBORN + SLEEPS, announces=True)
    pid = supervisor.pid("stubborn")
    supervisor.signal("stubborn", signal.SIGTERM)
    assert not is_gone(pid)
    supervisor.stop()
    assert is_gone(pid)


def test_a_child_says_where_it_listens_and_the_rest_goes_to_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    said = start(
        supervisor,
        "web",
        f"print('{{\"port\": \"1234\"}}'); print('more', flush=True); {SLEEPS}",
        announces=True,
    )
    assert said == {"port": "1234"}
    eventually(lambda: "more" in (tmp_path / "log" / "web.log").read_text(), what="its second line")


@pytest.mark.parametrize(
    "code,why",
    [("raise SystemExit('no database')", "no database"), ("print('hello')", "hello")],
)
def test_a_child_that_does_not_come_up_is_named_with_its_last_words(
    supervisor: Supervisor, code: str, why: str
) -> None:
    with pytest.raises(ContractBroken, match=why) as broken:
        start(supervisor, "web", code, announces=True)
    assert "web" in str(broken.value)
