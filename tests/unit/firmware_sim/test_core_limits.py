"""The core stays within what MicroPython has (dependencies: only five modules, no newer syntax)."""

import ast
from pathlib import Path

import pytest

import firmware_sim.core

FILES = sorted(Path(firmware_sim.core.__file__).parent.glob("*.py"))
ALLOWED = {"hashlib", "struct", "json", "time", "binascii"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_core_file_imports_and_uses_only_what_microcontrollers_have(file: Path) -> None:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom):
            assert str(node.module).startswith("firmware_sim.core")
        elif isinstance(node, ast.Dict):
            assert None not in node.keys
        elif isinstance(node, ast.List):
            assert not any(isinstance(element, ast.Starred) for element in node.elts)
        elif isinstance(node, ast.arguments):
            assert not node.posonlyargs
        assert not isinstance(node, (ast.Match, ast.AsyncFunctionDef))


def test_the_simulator_imports_nothing_of_the_server() -> None:
    ours = {"booking", "core", "locks", "payments", "migrations"}
    for file in sorted(FILES[0].parent.parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not {name.name.split(".")[0] for name in node.names} & ours
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert str(node.module).split(".")[0] not in ours
