"""Which routes take files: every other body stays small, so that nobody fills the memory."""

from collections.abc import Mapping

from flask import Flask, request

LARGEST: Mapping[str, int] = {"my_relief.apply_for_relief": 3 * 1024 * 1024}
"""Bytes of a whole request by endpoint: a little more than the file may have, so that the page can say so."""


def register(app: Flask) -> None:
    """Widen the limit of these routes. Registered before anything reads a form."""

    @app.before_request
    def widen() -> None:
        largest = LARGEST.get(request.endpoint or "")
        if largest is not None:
            request.max_content_length = largest
