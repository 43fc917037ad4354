"""What goes into a new lock, shown once: as squares for a phone to read, and as text to type.

It is the answer to the POST that made the lock, so that no address, cookie or row ever leads back to it; the
browser is told to keep nothing.
"""

import json

import segno
from flask import Response, make_response, render_template

from booking.app.installing import Shown
from locks.models import Transport


def secrets_page(shown: Shown, *, access_point_name: str, transport: Transport) -> Response:
    """The page, with the new lock's secrets on it."""
    parts = shown.as_json()
    certificate = shown.broker.get("ca_pem", "")
    parts["broker"] = {name: value for name, value in shown.broker.items() if name != "ca_pem"}
    answer = make_response(
        render_template(
            "manage/locks/secrets.html",
            shown=shown,
            is_mqtt=transport == Transport.MQTT,
            access_point_name=access_point_name,
            certificate=certificate,
            secrets_square=_square(json.dumps(parts, separators=(",", ":")), "設定情報"),
            certificate_square=_square(str(certificate), "サーバーの証明書") if certificate else None,
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _square(text: str, title: str) -> str:
    """A QR code as SVG without a size of its own: the style sheet gives it one. Its text is in squares."""
    square = segno.make(text, error="l", micro=False, boost_error=True)
    svg: str = square.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None, title=title)
    return svg
