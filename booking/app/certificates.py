"""The broker's certificates: renewing them, and saying early when nobody does."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from prometheus_client import Gauge

from booking.app.installing import tell_mosquitto
from core.settings import Settings
from locks.broker_certificates import Ending, endings, ensure

log = structlog.get_logger()
_days_left = Gauge("kaiho_broker_certificate_days", "Days until a certificate of the broker ends", ["what"])


def renew(settings: Settings, *, now: datetime) -> bool:
    """Make or renew what the broker needs for TLS; a Mosquitto beside the files reads them again.

    Raises:
        OSError: the broker's folder cannot be written.
    """
    changed = ensure(settings.broker_dir, settings.mqtt_host, now=now)
    if changed:
        tell_mosquitto(settings.broker_dir)
    return changed


def check(settings: Settings, *, now: datetime) -> Sequence[Ending]:
    """What is left of each certificate, told to the metrics; one that ends in 30, 14 or 7 days to the log.

    Nothing where this machine holds none: the broker is another's, or speaks without TLS.
    """
    held = endings(settings.broker_dir, now=now)
    for ending in held:
        _days_left.labels(ending.what).set(ending.days_left)
        if ending.level is not None:
            say = log.error if ending.days_left < 0 else log.warning
            say("broker_certificate_ends", what=ending.what, days=ending.days_left, level=ending.level)
    return held


def warn(settings: Settings, *, now: datetime) -> int:
    """As `check`, for a job: how many certificates end soon."""
    return sum(ending.level is not None for ending in check(settings, now=now))
