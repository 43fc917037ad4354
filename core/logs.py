"""Logs: one JSON object a line, a constant event name plus ids; one list of what never appears."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEYS = frozenset(
    {
        "password",
        "code",
        "root",
        "code_root",
        "token",
        "secret",
        "cookie",
        "authorization",
        "signature",
        "key",
        "nonce",
    }
)
_CODE = re.compile(r"(?<![\w.:-])(?:\d{8}|\d{10})(?![\w:-]|\.\w)", re.ASCII)
"""A door code or staff code standing alone; instants and ids are written with other characters around."""
_SECRET_TEXT = re.compile(r"\b(?:sk|rk|whsec)_[A-Za-z0-9_]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+")


def configure(*, stream: Any = None) -> None:
    """Send structlog and the standard library's loggers to one stream as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        stream=stream or sys.stderr,
        level=logging.WARNING,
        force=True,
        format='{"event": "library", "logger": "%(name)s", "level": "%(levelname)s"}',
    )


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what must not be read in a log, wherever it stands."""
    return {name: "***" if name in _SECRET_KEYS else _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub("***", _CODE.sub("***", value))
    if isinstance(value, dict):
        return {name: "***" if name in _SECRET_KEYS else _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
