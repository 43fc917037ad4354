"""Signing in and out, and the devices one is signed in on."""

from urllib.parse import urlsplit

from flask import Blueprint, make_response, redirect, render_template, request
from flask import session as cookie
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeSerializer

from booking.app.guards import TOKEN, public, reading, signed_in, writing
from booking.app.http_errors import retry_after, status_of
from booking.app.services import current_services
from booking.people import sessions
from booking.people.sign_in import SignedIn, sign_in
from core.errors import BadInput, KaihoError, TooMany
from core.ids import new_token, token_digest
from core.network import network_of
from locks.staff import queries

pages = Blueprint("people", __name__)

_KNOWN_DEVICE = "kaiho_device"
_KNOWN_FOR_S = 400 * 86400


@pages.get("/sign-in")
@public
def show_sign_in() -> ResponseReturnValue:
    """The form; where to go afterwards rides along, if it is a page of ours."""
    with reading() as here:
        if here.visitor is not None:
            return redirect(local_path(request.args.get("next")), code=303)
    return _form(None)


@pages.post("/sign-in")
@public
def try_sign_in() -> ResponseReturnValue:
    """A new session and a new cookie, or the form again with one and the same sentence."""
    services = current_services()
    mail_address = request.form.get("mail_address", "")[:254]
    try:
        opened = sign_in(
            services.database,
            services.clock,
            municipality_id=services.municipality_id,
            mail_address=mail_address,
            password=request.form.get("password", "")[:200],
            place=_known_device(mail_address) or f"address {network_of(request.remote_addr)}",
            device=_device_name(),
        )
    except (BadInput, TooMany) as error:
        return _form(error)
    return _signed_in_answer(opened, mail_address)


@pages.post("/sign-out")
@signed_in
def sign_out() -> ResponseReturnValue:
    """End this device's session, in the database and in the cookie."""
    with writing() as here:
        mine = token_digest(cookie[TOKEN]).hex()
        sessions.revoke(here.session, actor=here.actor, handle=mine, now=here.now)
    return _leave("/")


@pages.get("/sessions")
@signed_in
def show_sessions() -> ResponseReturnValue:
    """The devices one is signed in on."""
    with reading() as here:
        devices = sessions.live_of(here.session, actor=here.actor, token=cookie[TOKEN], now=here.now)
        has_codes = queries.has_rights(here.session, person=here.actor.account_id, now=here.now)
    return render_template(
        "people/sessions.html", devices=devices, has_codes=has_codes, me=here.actor, now=here.now
    )


@pages.post("/sessions/<handle>/revoke")
@signed_in
def revoke_session(handle: str) -> ResponseReturnValue:
    """End one device's session."""
    with writing() as here:
        ended = sessions.revoke(here.session, actor=here.actor, handle=handle, now=here.now)
    if ended == token_digest(cookie[TOKEN]):
        return _leave("/sign-in")
    return redirect("/sessions", code=303)


def _leave(to: str) -> ResponseReturnValue:
    """Forget the person on this device, code pages kept for reading offline included."""
    cookie.clear()
    answer = make_response(redirect(to, code=303))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def local_path(wanted: str | None) -> str:
    """A path of this site to go on to; anything else is the front page.

    A browser reads `//host` and `/\\host` as another site.
    """
    if not wanted or not wanted.startswith("/") or wanted[1:2] in ("/", "\\"):
        return "/"
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or any(ord(letter) < 32 for letter in wanted):
        return "/"
    return wanted


def _form(error: KaihoError | None) -> ResponseReturnValue:
    page = render_template(
        "people/sign_in.html",
        error=error,
        mail_address=request.form.get("mail_address", ""),
        next=local_path(request.values.get("next")),
    )
    return (page, status_of(error), retry_after(status_of(error))) if error else page


def _signed_in_answer(opened: SignedIn, mail_address: str) -> ResponseReturnValue:
    # Nothing of the visitor's cookie survives, so that nobody can hand one a session prepared before.
    cookie.clear()
    cookie[TOKEN] = opened.token
    cookie.permanent = True
    answer = make_response(redirect(local_path(request.form.get("next")), code=303))
    settings = current_services().settings
    answer.set_cookie(
        _KNOWN_DEVICE,
        _signer().dumps([_address_mark(mail_address), new_token()]),
        max_age=_KNOWN_FOR_S,
        path="/sign-in",
        secure=settings.cookie_secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


def _known_device(mail_address: str) -> str | None:
    """The token of a device on which this address's owner has signed in before."""
    try:
        mark, token = _signer().loads(request.cookies.get(_KNOWN_DEVICE, ""))
    except (BadSignature, ValueError, TypeError):
        return None
    return f"device {token}" if mark == _address_mark(mail_address) else None


def _address_mark(mail_address: str) -> str:
    return token_digest(mail_address.strip().lower()).hex()


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_services().settings.secret_key.get_secret_value(), salt="known device")


def _device_name() -> str:
    agent = request.user_agent.string
    kinds = (
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
    )
    machine = next((name for mark, name in kinds if mark in agent), "その他の端末")
    browsers = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    browser = next((name for mark, name in browsers if mark in agent), "")
    return f"{machine} {browser}".strip()
