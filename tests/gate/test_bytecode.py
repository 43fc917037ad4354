"""A program that a test starts finds what another one has compiled, whatever the machine is set to."""

import sys
from pathlib import Path

import pytest

from tests.servers.processes import ROOT, Processes

SAYS = "import sys; sys.path.insert(0, sys.argv[1]); import thing; print('found', thing.__cached__)"


@pytest.mark.parametrize("keeps", [True, False])
def test_bytecode_is_kept_outside_the_sources(processes: Processes, tmp_path: Path, keeps: bool) -> None:
    """The control is a child of a program that did not ask for it: nothing is written at all."""
    (tmp_path / "thing.py").write_text("")
    begin = "from tests.servers import bytecode; bytecode.keep()\n" if keeps else ""
    child = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SAYS!r}, sys.argv[1]], check=True)"
    )
    forbidden = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": ""}
    said = processes.python("-c", begin + child, str(tmp_path), env=forbidden).wait_for_line(r"^found (\S+)$")
    cached = Path(said[1])
    assert cached.exists() is keeps
    assert cached.is_relative_to(ROOT / "var" / "bytecode") is keeps
    assert [file.name for file in tmp_path.iterdir()] == ["thing.py"]


def test_this_process_writes_bytecode_too() -> None:
    assert not sys.dont_write_bytecode
