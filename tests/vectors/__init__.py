"""Examples that both implementations must give: the protocol's own, and those of the RFCs it names."""

import hashlib
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
GOLDEN = FOLDER / "lock-protocol-1.json"
RFC: dict[str, Any] = json.loads((FOLDER / "rfc.json").read_text(encoding="utf-8"))


def golden_digest() -> str:
    """SHA-256 of the protocol's golden vectors, octet for octet."""
    return hashlib.sha256(GOLDEN.read_bytes()).hexdigest()
