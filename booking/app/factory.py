"""Builds the web application from its services."""

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from booking.app import headers, http_errors, template_words, traffic, uploads
from booking.app.blueprints import machines, pages_of
from booking.app.guards import declare, require_guards, vouch_for
from booking.app.services import EXTENSION, Services
from core.settings import Settings

_MAX_BODY = 256 * 1024
_SIGNED_IN_FOR = timedelta(days=30)


def create_app(services: Services) -> Flask:
    """The web application.

    Raises:
        ContractBroken: a route declares no guard.
    """
    app = Flask("booking", static_folder="static", template_folder="templates")
    _configure(app, services.settings)
    app.extensions[EXTENSION] = services
    if services.settings.proxy_hops:
        hops = services.settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    traffic.register(app, services)
    uploads.register(app)
    csrf = CSRFProtect(app)
    for blueprint in pages_of(services.settings):
        app.register_blueprint(blueprint)
    _register_machines(app, csrf, services)
    headers.register(app, services.settings)
    http_errors.register(app)
    template_words.register(app)
    declare(app.view_functions["static"], "public")
    require_guards(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    here = urlsplit(settings.base_url).hostname or "localhost"
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        SESSION_COOKIE_NAME="kaiho",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.cookie_secure,
        PERMANENT_SESSION_LIFETIME=_SIGNED_IN_FOR,
        # The cookie is set when it changes, not with every answer.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=_MAX_BODY,
        MAX_FORM_MEMORY_SIZE=_MAX_BODY,
        TRUSTED_HOSTS=sorted({here, "127.0.0.1", "localhost"}),
        # A form stays good as long as its session: a page left open over lunch must not lose its input.
        WTF_CSRF_TIME_LIMIT=None,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_options = app.jinja_options | {"trim_blocks": True, "lstrip_blocks": True}


def _register_machines(app: Flask, csrf: CSRFProtect, services: Services) -> None:
    """Stripe and the locks come without a cookie; their blueprints check signatures instead."""
    for blueprint, guard in machines(services):
        csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
        vouch_for(app, blueprint, guard)
