"""Idempotency keys: the first answer under a key is the answer for 24 hours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from payments.sandbox.errors import ApiError
from payments.sandbox.store import Body, Store

MEMORY_S = 24 * 60 * 60
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered the first time, also if it was a 500."""

    status: int
    body: Body


def fingerprint(pairs: Iterable[tuple[str, str]]) -> str:
    """The parameters of a request, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()


def claim(store: Store, key: str, endpoint: str, print_of: str) -> StoredAnswer | None:
    """Take the key for a request that begins; the stored answer where one exists.

    Raises:
        ApiError: the key is too long (400), was used with other parameters or elsewhere (400
            `idempotency_error`), or its first request is still running (409).
    """
    if len(key) > _LONGEST_KEY:
        raise ApiError("Idempotency keys have at most 255 characters.", is_stored=False)
    now = store.clock.now()
    with store.transaction():
        store.rows("DELETE FROM answers WHERE created <= ? AND status IS NOT NULL", now - MEMORY_S)
        found = store.rows("SELECT endpoint, fingerprint, status, body FROM answers WHERE key = ?", key)
        if not found:
            store.rows(
                "INSERT INTO answers (key, endpoint, fingerprint, created) VALUES (?, ?, ?, ?)",
                key,
                endpoint,
                print_of,
                now,
            )
            return None
    first_endpoint, first_print, status, body = found[0]
    if first_endpoint != endpoint:
        raise _misused(
            f"Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{endpoint}' vs '{first_endpoint}'). Try using a key other than '{key}' if you meant to "
            "execute a different request."
        )
    if first_print != print_of:
        raise _misused(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )
    if status is None:
        raise ApiError(
            "There is currently another in-progress request using this Idempotent Key (that probably means "
            f"you submitted twice, and the other one is still going through): {key}. Please try again later.",
            status=409,
            code="idempotency_key_in_use",
            is_stored=False,
        )
    return StoredAnswer(status, json.loads(body))


def remember(store: Store, key: str, answer: StoredAnswer) -> None:
    """Store the answer; called in the transaction of the effect, so that a crash keeps both or neither."""
    store.rows(
        "UPDATE answers SET status = ?, body = ? WHERE key = ?", answer.status, json.dumps(answer.body), key
    )


def release(store: Store, key: str) -> None:
    """Forget a key whose request never began."""
    store.rows("DELETE FROM answers WHERE key = ? AND status IS NULL", key)


def forget_all(store: Store) -> None:
    """What a day does to the memory of keys, at once; a request that runs keeps its own."""
    store.rows("DELETE FROM answers WHERE status IS NOT NULL")


def _misused(message: str) -> ApiError:
    return ApiError(message, kind="idempotency_error", is_stored=False)
