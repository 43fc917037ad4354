"""What every answer says to browsers about trust."""

from flask import Flask, Response, request

from core.settings import Settings


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
        return response


def _let_keep(response: Response) -> None:
    # `v` is the digest of the content: the same address never means another file.
    if "v" in request.args:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"
