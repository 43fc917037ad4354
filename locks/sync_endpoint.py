"""HTTPS for locks that have no MQTT: a hello in, a welcome out, stored in between (protocol section 4)."""

import re
import threading
from collections import OrderedDict
from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import RequestEntityTooLarge

from core.clock import Clock
from core.database import Database, retrying
from core.errors import Unavailable
from core.network import network_of
from core.secrets import Keyring
from locks import contact
from locks.callbacks import Callbacks
from locks.contact import Answer
from locks.envelope import MAX_BYTES, is_envelope
from locks.errors import BadMessage

GUARD = "lock_signature"
_RETRY_AFTER_S = 60
_PER_NETWORK = 600
"""Tries a minute: all locks of a town may stand behind one address, and each speaks twice a day."""
_LOCK = re.compile(r"[0-9a-f]{16}\Z")
_MALFORMED = {"bad_payload", "unsupported"}


class Pace:
    """At most `limit` tries in `per_s` seconds for each sender, in this process; forgets the oldest senders
    first.
    """

    def __init__(self, clock: Clock, *, limit: int = 30, per_s: float = 60, senders: int = 10_000) -> None:
        self._clock = clock
        self._limit = limit
        self._per_s = per_s
        self._senders = senders
        self._mutex = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, sender: str) -> bool:
        """Take one try; False where none is left."""
        now = self._clock.monotonic()
        with self._mutex:
            left, since = self._left.pop(sender, (float(self._limit), now))
            left = min(float(self._limit), left + (now - since) * self._limit / self._per_s)
            is_allowed = left >= 1
            self._left[sender] = (left - 1 if is_allowed else left, now)
            if len(self._left) > self._senders:
                self._left.popitem(last=False)
        return is_allowed


def blueprint(database: Database, keyring: Keyring, callbacks: Callbacks, clock: Clock) -> Blueprint:
    """`POST /locks/v1/<lock>/sync`. It brings its own guard: the signature of the lock (`GUARD`)."""
    locks = Blueprint("locks", __name__)
    pace, crowd = Pace(clock), Pace(clock, limit=_PER_NETWORK)

    @locks.post("/locks/v1/<lock_id>/sync")
    def sync(lock_id: str) -> Response:
        network = network_of(request.remote_addr)
        # Whoever makes up a lock for each message is one sender all the same.
        if not (crowd.allows(network) and pace.allows(f"{network} {lock_id[:16]}")):
            return _later(429)
        request.max_content_length = MAX_BYTES
        try:
            payload = request.get_data(cache=False)
        except RequestEntityTooLarge:
            return _refusal(413, "too_large")
        if request.mimetype != "application/jose" or not is_envelope(payload):
            return _refusal(400, "malformed")
        try:
            outcome = retrying(lambda: _stored(database, keyring, callbacks, clock, lock_id, payload))
        except (Unavailable, OperationalError):
            return _later(503)
        if isinstance(outcome, Answer):
            return jsonify({"welcome": outcome.welcome, "desired": outcome.desired})
        return outcome

    return locks


def _stored(
    database: Database, keyring: Keyring, callbacks: Callbacks, clock: Clock, lock_id: str, payload: bytes
) -> Answer | Response:
    with database.transaction() as session:
        # After the wait for other writers: the lock sets its clock by this.
        now = clock.now()
        try:
            if not _LOCK.match(lock_id):
                raise BadMessage("unknown_lock")
            verified = contact.verify(session, keyring, lock_id=lock_id, payload=payload)
        except BadMessage as error:
            claimed = lock_id if _LOCK.match(lock_id) else ""
            contact.reject(session, lock_id=claimed, payload=payload, error=error, now=now)
            return _refusal(400, "malformed") if error.why in _MALFORMED else _refusal(401, "unauthorized")
        answer = contact.accept(session, callbacks, verified, now=now)
    return answer if answer is not None else _refusal(400, "malformed")


def _refusal(status: int, code: str) -> Response:
    body: dict[str, Any] = {"error": code}
    response = jsonify(body)
    response.status_code = status
    return response


def _later(status: int) -> Response:
    response = _refusal(status, "later")
    response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return response
