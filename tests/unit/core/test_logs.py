"""Logs: one JSON object a line, and no secret wherever it stands."""

import io
import json

import pytest
import structlog

from core import logs


@pytest.mark.parametrize(
    "event",
    [
        {"code": "12345678"},
        {"password": "hunter2hunter2"},
        {"detail": {"token": "hunter2hunter2"}},
        {"detail": [{"nonce": "hunter2hunter2"}]},
        {"text": "key sk_test_hunter2hunter2 used"},
        {"text": "the code is 12345678."},
        {"text": "暗証番号は12345678です"},
        {"text": "staff code 0123456789"},
        {"text": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln"},
    ],
)
def test_secrets_are_masked(event: dict[str, object]) -> None:
    clean = json.dumps(logs.redact(None, "info", dict(event)))
    assert "***" in clean
    assert not any(secret in clean for secret in ("12345678", "hunter2", "0123456789", "eyJhIjoxfQ"))


def test_ids_and_instants_stay_readable() -> None:
    event = {"lock": "00000000000000aa", "at": "2026-11-21T00:00:00Z", "amount_yen": 12345678}
    assert logs.redact(None, "info", dict(event)) == event


def test_a_line_is_one_json_object() -> None:
    stream = io.StringIO()
    before = structlog.get_config()
    try:
        logs.configure(stream=stream)
        structlog.get_logger().info("hold_made", reservation_id="r1", code="12345678")
    finally:
        structlog.configure(**before)
    line = json.loads(stream.getvalue())
    assert line["event"] == "hold_made"
    assert line["reservation_id"] == "r1"
    assert line["code"] == "***"
    assert line["level"] == "info"
