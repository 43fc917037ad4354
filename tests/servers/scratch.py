"""Where tests write their files: in memory, where this machine has room for that."""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 3 * 2**30
"""Octets. Four test processes with their PostgreSQL, their towns and Chromium were seen to take one GiB."""


def use_memory() -> None:
    """Let this process and its children make their temporary files in memory.

    Whoever sets TMPDIR has chosen. A copied database costs a sixth of what it costs on a disk; what kill -9
    leaves behind is the same. Figures are taken on the disk: `python -m tests.bench` does not come here.
    """
    if "TMPDIR" not in os.environ and has_room(_MEMORY):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


def has_room(folder: Path, octets: int = _ROOM) -> bool:
    """Whether a folder takes so much, and programs may be run from it: PostgreSQL's may be copied there."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(folder).free, _available()) >= octets


def _available() -> int:
    """Octets of memory that programs can still have; 0 where the machine does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields.get("MemAvailable", "0 kB").split()[0]) * 1024
