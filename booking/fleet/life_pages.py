"""Managers: one lock, and what can be done to it; each act has a page that says first what will happen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.installing import broker_shown, shown_once
from booking.app.parsing import number_of
from booking.fleet import lock_words
from booking.fleet.acts import ACTS, Act, offered
from booking.fleet.alarm_words import words_of
from booking.fleet.free_doors import free_access_points
from booking.fleet.secrets_page import secrets_page
from booking.people.models import Account
from core import audit
from core.errors import BadInput, NotThere, Refused
from locks import commands, epochs, life, moving
from locks.alarms.kinds import URGENT
from locks.alarms.queries import AlarmLine, lasting_at
from locks.commands import CommandKind
from locks.life_errors import LockIsDead
from locks.models import SERVING, Lock, LockState, Transport
from locks.modes.orders import mode_of
from locks.portrait import Portrait, portrait_of

pages = Blueprint("lock_life", __name__)

MAX_REASON = 200
_ADDRESS = "/manage/locks/<string(length=16):lock_id>"
_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of what was done to the lock."""

    at: datetime
    words: str
    by: str


@pages.get(_ADDRESS)
@manager_only
def show(lock_id: str) -> ResponseReturnValue:
    """What is known of a lock, and what can be done."""
    with reading() as here:
        return _page(here, _seen(here, lock_id))


@pages.get(f"{_ADDRESS}/<slug>")
@manager_only
def ask(lock_id: str, slug: str) -> ResponseReturnValue:
    """What would happen, and why it should."""
    with reading() as here:
        seen = _seen(here, lock_id)
        act = _act(slug)
        if act not in offered(seen):
            return redirect(f"/manage/locks/{lock_id}", code=303)
        return _question(here, seen, act, None)


@pages.post(f"{_ADDRESS}/identify")
@manager_only
def identify(lock_id: str) -> ResponseReturnValue:
    """Let it blink and beep in its next contact."""
    try:
        with writing() as here:
            _seen(here, lock_id)
            commands.order(
                here.session,
                lock_id=lock_id,
                kind=CommandKind.IDENTIFY,
                actor=str(here.actor.account_id),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, _seen(here, lock_id), error), status_of(error)
    return redirect(f"/manage/locks/{lock_id}?done=identify", code=303)


@pages.post(f"{_ADDRESS}/replace")
@manager_only
def replace(lock_id: str) -> ResponseReturnValue:
    """Put a new lock in its place, and show once what goes into it: the answer itself is that page."""
    try:
        with writing() as here:
            _seen(here, lock_id)
            # Before there is a lock, whose secrets an error would lose.
            broker = broker_shown(here.services.settings)
            made = life.replace(
                here.session,
                here.services.keyring,
                here.services.lock_callbacks,
                lock_id=lock_id,
                actor=str(here.actor.account_id),
                reason=_reason(),
                now=here.now,
            )
            seen = _seen(here, made.lock)
            shown = shown_once(here.services.settings, broker, made)
    except NotThere:
        raise
    except Refused as error:
        return _refused(lock_id, ACTS["replace"], error)
    return secrets_page(shown, access_point_name=seen.access_point_name, transport=seen.transport)


@pages.post(f"{_ADDRESS}/<slug>")
@manager_only
def do(lock_id: str, slug: str) -> ResponseReturnValue:
    """Do it; done already, it is the same answer."""
    act, perform = _act(slug), _STEPS.get(slug)
    if perform is None:
        raise NotThere(slug)
    try:
        with writing() as here:
            seen = _seen(here, lock_id)
            perform(here, seen, _reason())
    except NotThere:
        raise
    except LockIsDead:
        return redirect(f"/manage/locks/{lock_id}", code=303)
    except Refused as error:
        return _refused(lock_id, act, error)
    return redirect(f"/manage/locks/{lock_id}?done={slug}", code=303)


def _stolen(here: Here, seen: Portrait, reason: str) -> None:
    life.stolen(
        here.session,
        here.services.keyring,
        here.services.lock_callbacks,
        lock_id=seen.lock_id,
        actor=str(here.actor.account_id),
        reason=reason,
        now=here.now,
    )


def _decommission(here: Here, seen: Portrait, reason: str) -> None:
    life.decommission(
        here.session,
        lock_id=seen.lock_id,
        actor=str(here.actor.account_id),
        reason=reason,
        force="force" in request.form,
        now=here.now,
    )


def _move(here: Here, seen: Portrait, reason: str) -> None:
    if not request.form.get("access_point"):
        raise BadInput("access_point", sentence="移す先を選んでください。")
    moving.move(
        here.session,
        here.services.keyring,
        here.services.lock_callbacks,
        lock_id=seen.lock_id,
        access_point_id=number_of(request.form, "access_point", least=1, most=2**31 - 1),
        actor=str(here.actor.account_id),
        reason=reason,
        now=here.now,
    )


def _rotate_keys(here: Here, seen: Portrait, reason: str) -> None:
    epochs.rotate_mac_epoch(
        here.session, lock_id=seen.lock_id, actor=str(here.actor.account_id), reason=reason, now=here.now
    )


def _rotate_codes(here: Here, seen: Portrait, reason: str) -> None:
    epochs.rotate_code_epoch(
        here.session,
        here.services.lock_callbacks,
        code_group_id=seen.code_group_id,
        code_epoch=number_of(request.form, "code_epoch", least=0, most=2**31 - 1),
        actor=str(here.actor.account_id),
        reason=reason,
        now=here.now,
    )


_STEPS: Mapping[str, Callable[[Here, Portrait, str], None]] = {
    "stolen": _stolen,
    "decommission": _decommission,
    "move": _move,
    "rotate-keys": _rotate_keys,
    "rotate-codes": _rotate_codes,
}


def _seen(here: Here, lock_id: str) -> Portrait:
    return portrait_of(here.session, municipality_id=here.municipality_id, lock_id=lock_id)


def _act(slug: str) -> Act:
    act = ACTS.get(slug)
    if act is None:
        raise NotThere(slug)
    return act


def _reason() -> str:
    reason = request.form.get("reason", "").strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise BadInput("reason", sentence=f"理由を{MAX_REASON}文字以内で書いてください。")
    return reason


def _refused(lock_id: str, act: Act, error: Refused) -> ResponseReturnValue:
    with reading() as here:
        seen = _seen(here, lock_id)
        if act in offered(seen):
            return _question(here, seen, act, error), status_of(error)
        return _page(here, seen, error), status_of(error)


def _question(here: Here, seen: Portrait, act: Act, error: Refused | None) -> str:
    return render_template(
        "manage/locks/ask.html",
        lock=seen,
        act=act,
        what=act.what(seen),
        free=free_access_points(here.session, municipality_id=here.municipality_id)
        if act.slug == "move"
        else [],
        sent=request.form,
        max_reason=MAX_REASON,
        error=error,
    )


def _page(here: Here, seen: Portrait, error: Refused | None = None) -> str:
    done = request.args.get("done", "")
    said = "次の通信のときに、音と光で知らせます。" if done == "identify" else None
    return render_template(
        "manage/locks/one.html",
        lock=seen,
        acts=offered(seen),
        entries=_entries(here, seen),
        successor=_successor(here.session, seen),
        alarms=[] if seen.state == LockState.DEAD else _alarms(here.session, seen),
        words_of=words_of,
        urgent=URGENT,
        ordered_mode=str(mode_of(here.session, seen.access_point_id, here.now)[0]),
        can_command=seen.transport == Transport.MQTT and seen.state in SERVING,
        words=lock_words,
        done=said or (ACTS[done].done if done in ACTS else ""),
        error=error,
        now=here.now,
    )


def _alarms(session: Session, seen: Portrait) -> list[AlarmLine]:
    """What lasts at this lock, urgent first."""
    return [line for line in lasting_at(session, [seen.access_point_id]) if line.lock_id == seen.lock_id]


def _successor(session: Session, seen: Portrait) -> str | None:
    """The living lock on a dead one's access point."""
    if seen.state != LockState.DEAD:
        return None
    return session.scalar(
        sa.select(Lock.id).where(Lock.access_point_id == seen.access_point_id, Lock.state != LockState.DEAD)
    )


def _entries(here: Here, seen: Portrait) -> list[Entry]:
    found = audit.acts_on(
        here.session,
        municipality_id=here.municipality_id,
        subjects=[seen.lock_id, f"code_group/{seen.code_group_id}"],
        limit=_ENTRIES,
    )
    people = {entry.actor for entry in found if len(entry.actor) == 36}
    names = {
        str(account_id): name
        for account_id, name in here.session.execute(
            sa.select(Account.id, Account.name).where(Account.id.in_([UUID(person) for person in people]))
        )
    }
    return [
        Entry(
            entry.at,
            lock_words.act_in_words(entry.act, entry.detail),
            lock_words.actor_in_words(entry.actor, names),
        )
        for entry in found
    ]
