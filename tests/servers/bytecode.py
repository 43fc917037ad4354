"""Modules compiled once a run: where Python is told to write no bytecode, it is kept out of the sources."""

import os
import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "var" / "bytecode"


def keep() -> None:
    """Let this process and its children find what another has compiled.

    The tests start hundreds of programs. Under PYTHONDONTWRITEBYTECODE, as many containers set it, each of
    them compiles Flask and SQLAlchemy anew: 1.6 s of processor instead of 0.6 s.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(_FOLDER)
        sys.dont_write_bytecode = False
