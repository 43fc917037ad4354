"""What every request leaves behind: an id in its log lines, a count and a time by route."""

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram
from structlog import contextvars

from booking.app.services import Services
from core.ids import new_token

_answers = Counter("kaiho_http_answers_total", "Answers by route and class of status", ["route", "status"])
_took = Histogram("kaiho_http_seconds", "Time to an answer by route", ["route"])


def register(app: Flask, services: Services) -> None:
    """Count and time each request; routes are endpoint names, so that the labels are closed."""

    @app.before_request
    def begin() -> None:
        contextvars.clear_contextvars()
        contextvars.bind_contextvars(request_id=new_token()[:12])
        g.began = services.clock.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.endpoint or "none"
        _answers.labels(route, f"{response.status_code // 100}xx").inc()
        if "began" in g:
            _took.labels(route).observe(services.clock.monotonic() - g.began)
        return response
