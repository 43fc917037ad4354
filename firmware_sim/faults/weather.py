"""How warm it is at a door: warmest at three in the afternoon, coldest at three at night, Japan's time."""

import math

DAY_S = 86_400
WARMEST_S = 6 * 3600
"""15:00 in Japan, in seconds of the UTC day."""


def temperature_c(mean_c: float, swing_c: float, unix_s: float) -> float:
    return mean_c + swing_c * math.cos(2 * math.pi * (unix_s - WARMEST_S) / DAY_S)


def crystal_ppm(temperature: float) -> float:
    """What a bare 32 kHz tuning fork loses away from 25 degrees, by its parabola."""
    return -0.034 * (temperature - 25.0) ** 2
