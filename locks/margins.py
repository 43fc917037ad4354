"""How far a code's life reaches beyond its window, and the lock's other settings (`config`, protocol
section 4). Pure.
"""

from datetime import datetime, timedelta

from core.window import GRANULE_S, granule_start
from locks.models import AccessPointKind

EARLY_S = 600
LATE_S = 900
KEY_BOX_LATE_S = 3600
"""Beyond `LATE_S` only while the key is out: it has to be opened again to give the key back."""

OVERLAP_GRANULES = -(-(KEY_BOX_LATE_S + EARLY_S) // GRANULE_S)
"""Windows nearer than this can be open at one instant."""


def late_s(kind: str) -> int:
    """Seconds after its end for which a code may still open an access point of this kind."""
    return KEY_BOX_LATE_S if kind == AccessPointKind.KEY_BOX else LATE_S


def opens_from(granule: int) -> datetime:
    """First instant at which the window's code opens."""
    return granule_start(granule) - timedelta(seconds=EARLY_S)


def opens_until(granule: int, length: int) -> datetime:
    """Last instant at which the window's code opens for entering."""
    return granule_start(granule + length) + timedelta(seconds=LATE_S)


def config_of(kind: str) -> dict[str, int | str]:
    """The `config` member of a desired state."""
    return {
        "early": EARLY_S,
        "late": late_s(kind),
        "auto_relock": 30,
        "door_ajar": 600,
        "wrong_code_limit": 5,
        "wrong_code_refill": 180,
        "operating_mode": "normal",
    }
