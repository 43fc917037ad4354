"""What every answer says to browsers about trust."""

import gzip
from http import HTTPStatus

from flask import Flask, Response, request

from core.settings import Settings

_LISTS = {"places.find", "places.find_on", "places.facility", "availability.month", "availability.masks"}
_WORTH_SHRINKING = 4096


def content_policy(settings: Settings) -> str:
    """Only our own files, nothing inline; forms may end at Stripe's hosted page, which a 303 leads to."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            f"form-action 'self' {settings.stripe_checkout_host}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def register(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer."""
    fixed = {
        "Content-Security-Policy": content_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if settings.cookie_secure:
        fixed["Strict-Transport-Security"] = "max-age=31536000"

    @app.after_request
    def put_headers(response: Response) -> Response:
        for name, value in fixed.items():
            response.headers.setdefault(name, value)
        if request.endpoint == "static":
            _let_keep(response)
        elif request.endpoint in _LISTS:
            _shrink(response)
        return response


def _shrink(response: Response) -> None:
    """Squeeze the long lists for phones; only those, since they hold no token that a length could betray."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0 or response.status_code != HTTPStatus.OK:
        return
    body = response.get_data()
    if len(body) >= _WORTH_SHRINKING:
        response.set_data(gzip.compress(body, compresslevel=1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"


def _let_keep(response: Response) -> None:
    # `v` is the digest of the content: the same address never means another file.
    if "v" in request.args:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
