"""費目: which part of an amount of a reservation is for what, by its frozen fee lines. Pure, to the yen."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from booking.fees.lines import LABELS, TAX

OTHER = "other"
WORDS = {**LABELS, TAX: "消費税", OTHER: ""}
_RELIEF = "relief_"


def weights_of(fee_lines: Sequence[Mapping[str, Any]], *, is_relief: bool) -> dict[str, int]:
    """Yen by item: what is paid of each, relief taken off; or what relief takes off each."""
    paid: dict[str, int] = defaultdict(int)
    relieved: dict[str, int] = defaultdict(int)
    for line in fee_lines:
        item, amount = str(line["item"]), int(line["amount_yen"])
        if item.startswith(_RELIEF):
            relieved[item.removeprefix(_RELIEF)] -= amount
            paid[item.removeprefix(_RELIEF)] += amount
        else:
            paid[item] += amount
    return {item: yen for item, yen in (relieved if is_relief else paid).items() if yen > 0}


def split(amount_yen: int, weights: Mapping[str, int]) -> dict[str, int]:
    """An amount of either sign in proportion to the weights; the parts sum to it exactly.

    What does not divide goes to the largest remainders, the earlier item first. Without weights: `OTHER`.
    """
    total = sum(weights.values())
    if not total:
        return {OTHER: amount_yen}
    sign, size = (-1, -amount_yen) if amount_yen < 0 else (1, amount_yen)
    parts = {item: size * weight // total for item, weight in weights.items()}
    rest = size - sum(parts.values())
    by_remainder = sorted(weights, key=lambda item: -(size * weights[item] % total))
    for item in by_remainder[:rest]:
        parts[item] += 1
    return {item: sign * part for item, part in parts.items()}
