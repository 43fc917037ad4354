"""The golden vectors of the lock protocol; KAIHO_VECTORS names another file of the same form."""

import json
import os
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "vectors" / "lock-protocol-1.json"


def sets() -> list[dict[str, Any]]:
    """Each one lock with its keys, codes, messages and decisions."""
    file = os.environ.get("KAIHO_VECTORS", str(VECTORS))  # noqa: TID251 -- names the file under test
    found: list[dict[str, Any]] = json.loads(Path(file).read_text(encoding="utf-8"))["sets"]
    return found
