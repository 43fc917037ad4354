"""Who may use a route. Every route declares one guard; no application starts with a route that has none.

A guard does not read the database by itself: `reading()` and `writing()` open the view's one transaction and
read the actor in it, so that the right to do a thing and the doing cannot drift apart. A view whose guard
wants an actor and that answers without having read one is a broken contract, and its answer is thrown away.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Flask, g, has_request_context, make_response, request
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from booking.app.services import Services, current_services
from booking.people.signed_in import Actor, actor_of
from core.database import retrying
from core.errors import BadInput, ContractBroken, NotThere, SignInNeeded

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

TOKEN = "token"  # noqa: S105 -- a name
"""Name under which the signed cookie holds the session's random token."""
_MARK = "_kaiho_guard"
_NEEDS_ACTOR = {"signed_in", "manager_only"}


@dataclass(frozen=True, slots=True)
class Here:
    """The present request's transaction: its session, its instant, and who acts (None: nobody signed in)."""

    session: Session
    now: datetime
    visitor: Actor | None
    services: Services

    @property
    def actor(self) -> Actor:
        """Who acts.

        Raises:
            SignInNeeded: nobody does; only on a public route.
        """
        if self.visitor is None:
            raise SignInNeeded
        return self.visitor

    @property
    def municipality_id(self) -> int:
        """The actor's municipality, else the deployment's."""
        return self.visitor.municipality_id if self.visitor else self.services.municipality_id

    @property
    def catalogue_version(self) -> int | None:
        """The catalogue's version where the actor's statement has read it; spares the next one."""
        return self.visitor.catalogue_version if self.visitor else None


@contextmanager
def reading() -> Iterator[Here]:
    """The view's one transaction where it only reads.

    Raises:
        SignInNeeded: the route's guard wants an actor and nobody is signed in.
        NotThere: the route is a manager's and the actor is none.
    """
    services = current_services()
    with services.database.reading() as session:
        yield _here(session, services)


@contextmanager
def writing() -> Iterator[Here]:
    """The view's one transaction where it writes; committed at the end of the block, so redirect after it.

    Raises:
        SignInNeeded: the route's guard wants an actor and nobody is signed in.
        NotThere: the route is a manager's and the actor is none.
        TryAgain: lost against another transaction; the guard runs the view again.
    """
    services = current_services()
    if _guard_here() in _NEEDS_ACTOR and TOKEN not in cookie:
        raise SignInNeeded
    with services.database.transaction() as session:
        yield _here(session, services)


def public(view: View) -> View:
    """Anyone, signed in or not."""
    return _guarded(view, "public")


def public_demo(view: View) -> View:
    """Anyone, on pages that exist only in a demo."""
    return _guarded(view, "public_demo")


def signed_in(view: View) -> View:
    """Whoever is signed in; what is not theirs is not there."""
    return _guarded(view, "signed_in")


def manager_only(view: View) -> View:
    """Managers, within their municipality; for everybody else the page is not there."""
    return _guarded(view, "manager_only")


def operator(view: View) -> View:
    """Whoever is on this machine: a loopback caller that no proxy stands before."""

    @wraps(view)
    def local(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded"))
        if forwarded or request.remote_addr not in ("127.0.0.1", "::1"):
            raise NotThere
        return view(*args, **kwargs)

    return declare(local, "operator")  # type: ignore[return-value]


def guard_of(view: Callable[..., Any]) -> str | None:
    """The name of the guard that a view function declares."""
    return getattr(view, _MARK, None)


def vouch_for(app: Flask, blueprint: Blueprint, guard: str) -> None:
    """Declare the guard of a blueprint from `locks` or `payments`, which check signatures by themselves."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{blueprint.name}."):
            declare(app.view_functions[rule.endpoint], guard)


def require_guards(app: Flask) -> None:
    """Refuse to start with a route whose guard nobody declared.

    Raises:
        ContractBroken: names the routes.
    """
    bare = [
        rule.rule for rule in app.url_map.iter_rules() if guard_of(app.view_functions[rule.endpoint]) is None
    ]
    if bare:
        raise ContractBroken(f"routes without a guard: {', '.join(sorted(bare))}")


def actor_or_none() -> Actor | None:
    """Whom the view of this request has read; for templates."""
    return g.get("actor") if has_request_context() else None


def _guarded(view: View, name: str) -> View:
    @wraps(view)
    def inside(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        g.guard = name
        _refuse_nul()
        answer = retrying(lambda: view(*args, **kwargs))
        if name in _NEEDS_ACTOR and g.get("actor") is None:
            raise ContractBroken(f"{request.endpoint} answered without reading who asks")
        if g.get("actor") is not None:
            # What one person may see is no other's, and not the next user's of the same device.
            answer = make_response(answer)
            answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    return declare(inside, name)  # type: ignore[return-value]


def declare(view: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Write a guard's name on a view that brings its own check."""
    setattr(view, _MARK, name)
    return view


def _refuse_nul() -> None:
    """PostgreSQL's text holds everything but U+0000, which no form of ours can make.

    Raises:
        BadInput: it is in the address or the form.
    """
    sent = (*request.args.values(), *request.form.values(), *(request.view_args or {}).values())
    if any("\0" in value for value in sent if isinstance(value, str)):
        raise BadInput("U+0000")


def _guard_here() -> str:
    guard = g.get("guard")
    if guard is None:
        raise ContractBroken("a transaction of a view without a guard")
    return str(guard)


def _here(session: Session, services: Services) -> Here:
    now = services.clock.now()
    guard = _guard_here()
    token = cookie.get(TOKEN)
    actor = actor_of(session, token, now=now) if isinstance(token, str) else None
    if actor is None and guard in _NEEDS_ACTOR:
        raise SignInNeeded
    if guard == "manager_only" and actor is not None and not actor.is_manager:
        raise NotThere
    g.actor = actor
    return Here(session, now, actor, services)
