"""Fractions of yen become yen: integers in, integers out, once per line."""


def rounded(numerator: int, denominator: int, *, to_yen: int = 1, mode: str = "down") -> int:
    """`numerator / denominator` yen as a multiple of `to_yen`; neither is negative.

    `mode` is down, half_up (the middle goes up) or up.

    Raises:
        ValueError: another mode.
    """
    unit = denominator * to_yen
    if mode == "down":
        steps = numerator // unit
    elif mode == "half_up":
        steps = (2 * numerator + unit) // (2 * unit)
    elif mode == "up":
        steps = -(-numerator // unit)
    else:
        raise ValueError(f"no rounding {mode!r}")
    return steps * to_yen
