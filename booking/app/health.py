"""For whoever runs it: is it alive, and what does it count."""

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from booking.app.guards import operator, public
from booking.app.services import current_services

pages = Blueprint("health", __name__)


@pages.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """200 while the database answers."""
    with current_services().database.reading() as session:
        session.execute(sa.select(sa.literal(1)))
    return jsonify(status="ok")


@pages.get("/metrics")
@operator
def metrics() -> ResponseReturnValue:
    """Counters in Prometheus' text form."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
