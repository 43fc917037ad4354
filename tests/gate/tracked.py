"""What the repository consists of, as git sees it."""

import subprocess
from functools import cache
from pathlib import Path

from tests.servers.processes import ROOT


@cache
def tracked_files() -> tuple[str, ...]:
    """Paths from the root, of every file that is in the repository or about to be, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()))


def tracked_texts() -> dict[Path, str]:
    """The text of each file that is one."""
    texts = {}
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content[:4096]:
            texts[Path(name)] = content.decode("utf-8")
    return texts


def is_ignored(path: str) -> bool:
    """Whether a path is one that set-up or a running program makes."""
    return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0
