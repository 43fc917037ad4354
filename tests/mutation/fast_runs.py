"""A pytest plugin for mutmut, whose every mutant is a test run of its own: what it can have ready, it has."""

from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.servers import schema

TEMPLATE = "template.sqlite3"
"""Beside mutmut's copies, in which the tests run."""
_LAYERS = ("unit", "property", "integration")

settings.register_profile(
    # What fails is not made smaller: that it fails is all that counts. The same mutant, the same verdict.
    "mutation",
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
)


def pytest_configure() -> None:
    """Migrating would take longer than most runs."""
    settings.load_profile("mutation")
    schema.make_sqlite_template = _kept


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """SQLite alone, the fast tests first: the first that fails ends the run."""
    away = [item for item in items if _wants_postgres(item)]
    config.hook.pytest_deselected(items=away)
    items[:] = sorted((item for item in items if item not in away), key=_slowness)


def _kept(folder: Path) -> Path:
    assert folder.is_dir()
    return Path.cwd().parent / TEMPLATE


def _wants_postgres(item: pytest.Item) -> bool:
    return "postgresql" in item.name or "postgres_server" in getattr(item, "fixturenames", ())


def _slowness(item: pytest.Item) -> int:
    layers = [number for number, layer in enumerate(_LAYERS) if item.nodeid.startswith(f"tests/{layer}/")]
    return layers[0] if layers else len(_LAYERS)
