"""The sandbox as one Flask app."""

from __future__ import annotations

from collections import Counter

from flask import Flask, request

from payments.sandbox.api import api_pages
from payments.sandbox.card_page import card_pages
from payments.sandbox.control import control_pages
from payments.sandbox.fate import fate_pages
from payments.sandbox.voucher_page import voucher_pages
from payments.sandbox.world import World


def build(world: World) -> Flask:
    """API, the payer's pages and control over one world."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    counted: Counter[str] = Counter()

    @app.before_request
    def count() -> None:
        if request.url_rule is not None and not request.path.startswith("/_sandbox"):
            counted[f"{request.method} {request.url_rule.rule}"] += 1

    app.register_blueprint(api_pages(world))
    app.register_blueprint(card_pages(world))
    app.register_blueprint(voucher_pages(world))
    app.register_blueprint(control_pages(world, counted))
    app.register_blueprint(fate_pages(world))
    return app
