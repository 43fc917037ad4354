"""From an error to an answer: one table of HTTP numbers, a page for people, a problem object for programs."""

from http import HTTPStatus
from urllib.parse import quote, urlsplit

import structlog
from flask import Flask, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException

from booking.reservations.refusals import Misaligned
from core.errors import (
    BadInput,
    ContractBroken,
    KaihoError,
    NotThere,
    Refused,
    RejectedOutside,
    SignInNeeded,
    TooMany,
    Unavailable,
)

log = structlog.get_logger()

STATUS: dict[type[KaihoError], HTTPStatus] = {
    BadInput: HTTPStatus.BAD_REQUEST,
    Misaligned: HTTPStatus.BAD_REQUEST,
    NotThere: HTTPStatus.NOT_FOUND,
    SignInNeeded: HTTPStatus.UNAUTHORIZED,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Refused: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    RejectedOutside: HTTPStatus.BAD_GATEWAY,
    ContractBroken: HTTPStatus.INTERNAL_SERVER_ERROR,
    KaihoError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""An error answers with the entry of its nearest ancestor."""

_RETRY_AFTER_S = {HTTPStatus.TOO_MANY_REQUESTS: "60", HTTPStatus.SERVICE_UNAVAILABLE: "5"}

_SENTENCES = {
    400: "送られた内容を読み取れませんでした。前の画面に戻って、もう一度お試しください。",
    404: "お探しのページは見つかりませんでした。",
    405: "この操作はできません。前の画面に戻ってください。",
    413: "送られた内容が大きすぎます。",
    415: "この形式のデータは受け取れません。",
}


def status_of(error: KaihoError) -> HTTPStatus:
    """The HTTP status of an error, by its nearest ancestor in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def retry_after(status: int) -> dict[str, str]:
    """When to try again, for the statuses that mean "not now"."""
    wait = _RETRY_AFTER_S.get(HTTPStatus(status))
    return {"Retry-After": wait} if wait else {}


def wants_json() -> bool:
    """Whether the present request comes from a program."""
    if request.path.startswith(("/api/", "/locks/", "/stripe/")):
        return True
    return request.accept_mimetypes.best == "application/json"


def answer(status: int, code: str, sentence: str) -> ResponseReturnValue:
    """An error as a page or as `{code, message}`."""
    headers = retry_after(status)
    if wants_json():
        return jsonify(code=code, message=sentence), status, headers
    return render_template("error.html", status=status, code=code, sentence=sentence), status, headers


def register(app: Flask) -> None:
    """Teach the application to answer every error."""
    app.register_error_handler(KaihoError, _on_ours)
    app.register_error_handler(CSRFError, _on_csrf)
    app.register_error_handler(HTTPException, _on_http)
    for away in (OperationalError, InterfaceError, PoolExhausted):
        app.register_error_handler(away, _on_database_away)
    app.register_error_handler(Exception, _on_unforeseen)


def _on_ours(error: KaihoError) -> ResponseReturnValue:
    status = status_of(error)
    if isinstance(error, SignInNeeded) and not wants_json():
        return redirect(f"/sign-in?next={quote(_where_they_were(), safe='/')}", code=303)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", code=error.code, route=request.endpoint, exc_info=error)
    return answer(status, error.code, error.sentence)


def _where_they_were() -> str:
    """The page asked for; of a form that was sent, the page it stood on."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    before = urlsplit(request.referrer or "")
    if before.netloc != request.host or not before.path:
        return "/"
    return f"{before.path}?{before.query}" if before.query else before.path


def _on_csrf(_error: CSRFError) -> ResponseReturnValue:
    return answer(
        400,
        "form_expired",
        "画面の有効期限が切れました。前の画面に戻り、開き直してからもう一度お試しください。",
    )


def _on_http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.code, "bad_request")
    sentence = _SENTENCES.get(error.code, "処理できませんでした。")
    return answer(error.code, code, sentence)


def _on_database_away(error: Exception) -> ResponseReturnValue:
    log.error("database_away", route=request.endpoint, error=type(error).__name__)
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, Unavailable.code, Unavailable.sentence)


def _on_unforeseen(error: Exception) -> ResponseReturnValue:
    log.error("request_crashed", route=request.endpoint, exc_info=error)
    return answer(500, ContractBroken.code, ContractBroken.sentence)
