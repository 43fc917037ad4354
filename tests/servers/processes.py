"""Programs under test: started, listened to, killed at any instruction, never left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.loopback import NeverCame, eventually

ROOT = Path(__file__).parents[2]


class Process:
    """One running program; standard output and error are read together, line by line."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.argv = list(argv)
        self._lines: list[str] = []
        self._popen = subprocess.Popen(
            self.argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {self.argv[0]}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as stream:
            for line in stream:
                self._lines.append(line.rstrip("\n"))

    @property
    def pid(self) -> int:
        """Its process id, also the id of its process group."""
        return self._popen.pid

    @property
    def lines(self) -> list[str]:
        """What it has said so far."""
        return list(self._lines)

    @property
    def output(self) -> str:
        """What it has said so far, as one text."""
        return "\n".join(self._lines)

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    def wait_for_line(self, pattern: str, *, within_s: float = 60.0) -> re.Match[str]:
        """The first line that matches a regular expression, from its start on.

        Raises:
            NeverCame: it ended, or the time passed, without such a line; carries what it said.
        """
        expression = re.compile(pattern)

        def found() -> re.Match[str] | bool:
            ended = not self.is_running()
            if ended:
                self._reader.join(5)
            for line in list(self._lines):
                if match := expression.search(line):
                    return match
            return ended

        try:
            match = eventually(found, within_s=within_s, what=f"a line like {pattern!r}")
        except NeverCame as error:
            raise NeverCame(f"{error}; {self.argv} said:\n{self.output}") from None
        if isinstance(match, bool):
            raise NeverCame(f"{self.argv} ended with {self._popen.returncode}:\n{self.output}")
        return match

    def wait(self, *, within_s: float = 60.0) -> int:
        """Its exit status, once it ends by itself."""
        status = self._popen.wait(within_s)
        self._reader.join(5)
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children; SIGSTOP and SIGCONT freeze and thaw it."""
        if self.is_running():
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it and its children at whatever instruction they are."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, *, within_s: float = 10.0) -> int:
        """Ask it to end (SIGTERM), insist after `within_s`; its exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(within_s=within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()


class Processes:
    """Starts programs and ends all that still run when the test is over."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def start(self, *argv: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Process:
        """Run a program with the machine's environment and `env` on top."""
        process = Process(argv, {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}, cwd)
        self._started.append(process)
        return process

    def python(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Process:
        """Run this Python with the given arguments, for example `python("-m", "firmware_sim")`."""
        return self.start(sys.executable, *arguments, env=env, cwd=cwd)

    def kill_all(self) -> None:
        """End everything started here, newest first."""
        for process in reversed(self._started):
            process.kill()
