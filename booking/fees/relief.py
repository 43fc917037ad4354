"""減免申請: a group asks for relief with a reason and a document; a manager decides, with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.fees import late_relief, relief_mails
from booking.fees.documents import Document
from booking.fees.payer import Relief, Scope, best_of
from booking.fees.relief_models import ReliefApplication, ReliefDocument
from booking.fees.relief_states import (
    AlreadyDecided,
    OwnGroup,
    ReliefState,
    TooManyApplications,
    decision_due_at,
)
from booking.people.signed_in import Actor, GroupOfActor
from core import audit
from core.clock import civil_day
from core.database import insert_into
from core.errors import BadInput, NotThere
from core.ids import new_id
from payments.cases import CaseKind, settle_case

MAX_TEXT = 400
MAX_DAYS = 366
MAX_UNDECIDED = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a group asks for."""

    valid_from: date
    """First day of use."""
    valid_until: date
    """Last day of use."""
    reason: str
    document: Document | None

    def require_sound(self, *, now: datetime) -> None:
        """Refuse what no decision could be about.

        Raises:
            BadInput: the period is backwards, has begun or is longer than a year, or the reason lacks.
        """
        if self.valid_from < civil_day(now):
            raise BadInput("valid_from", sentence="はじまりは、今日からあとの日にしてください。")
        if self.valid_until < self.valid_from:
            raise BadInput("valid_until", sentence="おわりは、はじまりからあとの日にしてください。")
        if (self.valid_until - self.valid_from).days >= MAX_DAYS:
            raise BadInput("valid_until", sentence="期間は1年までにしてください。")
        require_text(self.reason)


@dataclass(frozen=True, slots=True)
class Decision:
    """A manager's word: granted to a scope, or refused (no scope)."""

    scope: Scope | None
    percent: int | None
    reason: str

    def require_sound(self) -> None:
        """Refuse a half decision.

        Raises:
            BadInput: no reason, or a percentage without or outside of its scope.
        """
        require_text(self.reason)
        if (self.scope is Scope.PERCENT) != (self.percent is not None):
            raise BadInput("percent", sentence="割合は「割合で減免」のときに入力してください。")
        if self.percent is not None and not 1 <= self.percent <= 100:
            raise BadInput("percent", sentence="割合は1から100までの数で入力してください。")


def require_text(reason: str) -> None:
    """Refuse a reason that says nothing or too much.

    Raises:
        BadInput: empty, or longer than it may be.
    """
    if not reason.strip() or len(reason) > MAX_TEXT:
        raise BadInput("reason", sentence=f"理由を{MAX_TEXT}字までで入力してください。")


def apply(
    session: Session, *, actor: Actor, group_id: UUID, request_key: str, wanted: Wanted, now: datetime
) -> ReliefApplication:
    """An application of one of the actor's groups, to be decided in time.

    The same `request_key` of the group again gives the same application, whatever else is sent.

    Raises:
        NotThere: the group is not the actor's.
        BadInput: see `Wanted.require_sound`.
        TooManyApplications: too many of the group's are undecided.
    """
    group = actor.group_or_none(group_id)
    if group is None:
        raise NotThere(f"group {group_id}")
    same = _same_or_none(session, group_id, request_key)
    if same is not None:
        return same
    wanted.require_sound(now=now)
    if _undecided(session, group_id) >= MAX_UNDECIDED:
        raise TooManyApplications()
    row = {
        "id": new_id(now),
        "municipality_id": actor.municipality_id,
        "group_id": group_id,
        "account_id": actor.account_id,
        "request_key": request_key,
        "valid_from": wanted.valid_from,
        "valid_until": wanted.valid_until,
        "reason": wanted.reason.strip(),
        "state": ReliefState.ASKED.value,
        "asked_at": now,
        "next_due_at": decision_due_at(now, wanted.valid_from),
        "document_name": wanted.document.name if wanted.document else None,
        "document_type": wanted.document.type if wanted.document else None,
    }
    statement = insert_into(session, ReliefApplication).values(row).on_conflict_do_nothing()
    made = session.scalar(statement.returning(ReliefApplication.id))
    application = _same_or_none(session, group_id, request_key)
    assert application is not None, "it was there, or it is there now"
    if made is not None:
        if wanted.document:
            session.add(ReliefDocument(application_id=application.id, content=wanted.document.content))
        relief_mails.tell_asked(session, application, now=now)
        _record(session, application, actor, "relief.apply", {}, now=now)
    return application


def withdraw(session: Session, *, actor: Actor, application_id: UUID, now: datetime) -> ReliefApplication:
    """Take an undecided application back; a second time changes nothing.

    Raises:
        NotThere: it is none of the actor's groups'.
        AlreadyDecided: it is decided.
    """
    application = _locked(session, actor, application_id)
    if actor.group_or_none(application.group_id) is None:
        raise NotThere(f"application {application_id}")
    if application.state == ReliefState.WITHDRAWN:
        return application
    _require_open(application)
    application.state, application.next_due_at = ReliefState.WITHDRAWN, None
    _settle_case(session, application, "取下げ", now=now)
    _record(session, application, actor, "relief.withdraw", {}, now=now)
    return application


def decide(
    session: Session, *, actor: Actor, application_id: UUID, decision: Decision, now: datetime
) -> ReliefApplication:
    """Grant or refuse. What the group has booked already for these days becomes cheaper, never dearer.

    The same decision again changes nothing.

    Raises:
        NotThere: there is none in the municipality, or the actor is no manager.
        BadInput: see `Decision.require_sound`.
        AlreadyDecided: decided otherwise, or withdrawn.
        OwnGroup: the actor may act for the group.
    """
    if not actor.is_manager:
        raise NotThere(f"application {application_id}")
    decision.require_sound()
    application = _locked(session, actor, application_id)
    if actor.group_or_none(application.group_id) is not None:
        raise OwnGroup()
    state = ReliefState.REFUSED if decision.scope is None else ReliefState.GRANTED
    said = (state, decision.scope, decision.percent, decision.reason.strip())
    if application.state != ReliefState.ASKED:
        known = (
            application.state,
            application.scope,
            application.percent,
            application.decision_reason,
        )
        if known == said:
            return application
        raise AlreadyDecided()
    application.state, application.scope, application.percent, application.decision_reason = said
    application.decided_at, application.decided_by = now, actor.account_id
    application.next_due_at = None
    _settle_case(session, application, "決定", now=now)
    detail = {"scope": decision.scope, "percent": decision.percent, "reason": decision.reason.strip()}
    _record(session, application, actor, f"relief.{'grant' if decision.scope else 'refuse'}", detail, now=now)
    relief_mails.tell_decided(session, application, now=now)
    late_relief.catch_up(session, application, now=now)
    return application


def granted_for(session: Session, group_id: UUID, day: date) -> Relief | None:
    """The relief that a group was granted for a day of use: all its decisions together; None without any."""
    rows = session.execute(
        sa.select(ReliefApplication.scope, ReliefApplication.percent)
        .where(
            ReliefApplication.group_id == group_id,
            ReliefApplication.state == ReliefState.GRANTED,
            ReliefApplication.valid_from <= day,
            ReliefApplication.valid_until >= day,
        )
        .order_by(ReliefApplication.id)
    )
    return best_of(Relief.of_decision(Scope(str(scope)), percent) for scope, percent in rows)


def relief_of(session: Session, group: GroupOfActor, day: date) -> Relief | None:
    """`granted_for` of an actor's group; asks nothing where the sign-in's statement saw no grant at all."""
    return granted_for(session, group.id, day) if group.has_relief else None


def _same_or_none(session: Session, group_id: UUID, request_key: str) -> ReliefApplication | None:
    return session.scalar(
        sa.select(ReliefApplication).where(
            ReliefApplication.group_id == group_id, ReliefApplication.request_key == request_key
        )
    )


def _undecided(session: Session, group_id: UUID) -> int:
    found = session.scalar(
        sa.select(sa.func.count())
        .select_from(ReliefApplication)
        .where(ReliefApplication.group_id == group_id, ReliefApplication.state == ReliefState.ASKED)
    )
    return found or 0


def _locked(session: Session, actor: Actor, application_id: UUID) -> ReliefApplication:
    found = session.scalar(
        sa.select(ReliefApplication)
        .where(
            ReliefApplication.id == application_id,
            ReliefApplication.municipality_id == actor.municipality_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotThere(f"application {application_id}")
    return found


def _require_open(application: ReliefApplication) -> None:
    if application.state != ReliefState.ASKED:
        raise AlreadyDecided()


def _settle_case(session: Session, application: ReliefApplication, note: str, *, now: datetime) -> None:
    settle_case(
        session,
        municipality_id=application.municipality_id,
        kind=CaseKind.RELIEF,
        subject=str(application.id),
        note=note,
        now=now,
    )


def _record(
    session: Session,
    application: ReliefApplication,
    actor: Actor,
    act: str,
    detail: Mapping[str, object],
    *,
    now: datetime,
) -> None:
    session.flush()
    audit.record(
        session,
        municipality_id=application.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=str(application.id),
        detail=detail,
        now=now,
    )
