"""Sending a form as a browser does: open the page, take its token along."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.database import Database

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def post(
    client: FlaskClient, page: str, action: str, fields: Mapping[str, str] | None = None
) -> TestResponse:
    """POST to `action` with the token that `page` shows."""
    found = _TOKEN.search(client.get(page).get_data(as_text=True))
    assert found, f"no form on {page}"
    return client.post(action, data={**(fields or {}), "csrf_token": found.group(1)})


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that the block sends."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
