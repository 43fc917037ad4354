"""What the figures were taken on."""

import os
import platform
import sqlite3
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from booking.app.services import Services


def describe() -> list[str]:
    """Processor, memory, disk and the versions that matter, a line each."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release()}",
        f"one 8 KiB write with fdatasync: {1e6 * fdatasync_s():.0f} µs",
        f"load average before the run: {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL)",
    ]


def postgres_version(services: Services) -> str:
    """The server's version, and what an acknowledged commit survives."""
    with services.database.reading() as session:
        version = session.scalar(sa.text("SHOW server_version"))
        durable = [session.scalar(sa.text(f"SHOW {name}")) for name in ("fsync", "synchronous_commit")]
    return f"PostgreSQL {version} (fsync {durable[0]}, synchronous_commit {durable[1]}, else as shipped)"


def fdatasync_s(count: int = 50) -> float:
    """Seconds for one small durable write in the folder of the databases; the median."""
    took = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(count):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return sorted(took)[count // 2]
