"""What the process costs the machine."""

import resource
import time
from pathlib import Path


def cpu_s() -> float:
    """Processor seconds so far."""
    return time.process_time()


def resident_kib() -> int:
    """Memory that is really there."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024
