"""還付の定め are added from a day of booking on; nothing that was sold changes by it."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.signed_in import Actor
from booking.places.catalogue import catalogue
from booking.places.models import Municipality, SpaceKind
from booking.refunding.policy_models import RefundPolicy
from core import audit
from core.clock import civil_day
from core.errors import BadInput, NotThere

MAX_STAGES = 4
_FURTHEST_S = 400 * 86400


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says. Stages are (seconds before the start, percent), the earliest first."""

    stages: tuple[tuple[int, int], ...]
    kept_yen: int
    unused_percent: int
    alert_percent: int


def add(
    session: Session,
    *,
    actor: Actor,
    facility_id: int | None,
    space_kind: SpaceKind | None,
    valid_from: date,
    terms: Terms,
    now: datetime,
) -> RefundPolicy:
    """A policy for what is booked from a day on. The newest of a scope counts; the same again is the same.

    Raises:
        NotThere: no such facility of the municipality, or the actor is no manager.
        BadInput: a day that is over, or terms that make no sense.
    """
    if not actor.is_manager:
        raise NotThere("policies")
    if (
        facility_id is not None
        and facility_id not in catalogue(session, actor.municipality_id).facility_entries
    ):
        raise NotThere(f"facility {facility_id}")
    if valid_from < civil_day(now):
        raise BadInput("valid_from", sentence="適用を始める日は、今日か、これからの日にしてください。")
    require_sensible(terms)
    # Two taps at once: the second waits here and finds what the first has made.
    session.scalar(
        sa.select(Municipality.id)
        .where(Municipality.id == actor.municipality_id)
        .with_for_update(key_share=True)
    )
    stages = [{"before_s": before_s, "percent": percent} for before_s, percent in terms.stages]
    newest = session.scalar(
        sa.select(RefundPolicy)
        .where(
            RefundPolicy.municipality_id == actor.municipality_id,
            RefundPolicy.facility_id.is_not_distinct_from(facility_id),
            RefundPolicy.space_kind.is_not_distinct_from(space_kind),
            RefundPolicy.valid_from == valid_from,
        )
        .order_by(RefundPolicy.id.desc())
        .limit(1)
    )
    if newest is not None and terms == terms_of(newest):
        return newest
    policy = RefundPolicy(
        municipality_id=actor.municipality_id,
        facility_id=facility_id,
        space_kind=space_kind,
        valid_from=valid_from,
        stages=stages,
        kept_yen=terms.kept_yen,
        unused_percent=terms.unused_percent,
        alert_percent=terms.alert_percent,
    )
    session.add(policy)
    session.flush()
    audit.record(
        session,
        municipality_id=actor.municipality_id,
        actor=str(actor.account_id),
        act="refund_policy.add",
        subject=f"refund_policy:{policy.id}",
        detail={
            "facility": facility_id,
            "space_kind": space_kind,
            "valid_from": valid_from.isoformat(),
            "stages": stages,
            "kept_yen": terms.kept_yen,
            "unused_percent": terms.unused_percent,
            "alert_percent": terms.alert_percent,
        },
        now=now,
    )
    return policy


def of_municipality(session: Session, *, municipality_id: int) -> list[RefundPolicy]:
    """All policies, by scope, the newest of each first."""
    return list(
        session.scalars(
            sa.select(RefundPolicy)
            .where(RefundPolicy.municipality_id == municipality_id)
            .order_by(
                sa.func.coalesce(RefundPolicy.facility_id, 0),
                sa.func.coalesce(RefundPolicy.space_kind, ""),
                RefundPolicy.valid_from.desc(),
                RefundPolicy.id.desc(),
            )
        )
    )


def terms_of(policy: RefundPolicy) -> Terms:
    """What a row says."""
    return Terms(
        stages=tuple((stage["before_s"], stage["percent"]) for stage in policy.stages),
        kept_yen=policy.kept_yen,
        unused_percent=policy.unused_percent,
        alert_percent=policy.alert_percent,
    )


def require_sensible(terms: Terms) -> None:
    """Refuse terms that a resident could not be told: later must never give more.

    Raises:
        BadInput: with a sentence that says which.
    """
    percents = (*(percent for _, percent in terms.stages), terms.unused_percent, terms.alert_percent)
    if len(terms.stages) > MAX_STAGES or not all(0 <= percent <= 100 for percent in percents):
        raise BadInput("percent", sentence=f"割合は0から100まで、段階は{MAX_STAGES}つまでにしてください。")
    if not all(0 <= before_s <= _FURTHEST_S for before_s, _ in terms.stages):
        raise BadInput("before", sentence="期限は、開始の時刻から400日前までにしてください。")
    falls = zip(terms.stages, terms.stages[1:], strict=False)
    if not all(one[0] > two[0] and one[1] > two[1] for one, two in falls):
        raise BadInput("stages", sentence="早い期限から順に、割合が下がるように入れてください。")
    if any(percent == 0 for _, percent in terms.stages):
        raise BadInput("stages", sentence="戻らない段階は、入れなくてよい欄です。空にしてください。")
    if not 0 <= terms.kept_yen <= 1_000_000:
        raise BadInput("kept_yen", sentence="取消手数料を確認してください。")
