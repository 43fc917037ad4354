"""Settlement: Stripe's balance transactions and payouts against the books, to the yen, every hour.

Three beats: the run is written down, Stripe is asked with no transaction open, what came is committed piece
by piece. Every piece is idempotent, so a run that died is finished by the next, and two at once do no harm.

Whatever one side has and the other has not is under way at first; past `comparing.GRACE` it is a case, and
the case closes by itself once the other side has it too. So a difference is told within 24 hours as long as a
run comes through every hour, and a day without such a run is a case of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
import structlog
from prometheus_client import Gauge
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database, insert_into, retrying
from core.errors import KaihoError
from payments import matching, movements
from payments.book_models import SettlementRun, StripeMovement, StripePayout
from payments.cases import About, CaseKind, open_case, settle_others
from payments.comparing import GONE_BACK, GRACE, Comparison, Difference, compare, snapshot
from payments.models import Payment
from payments.remote import RemoteMovement, RemotePayout

OVERLAP = timedelta(days=3)
"""Asked for again each time: nothing is missed that Stripe lists late."""
PAYOUTS_FOR = timedelta(days=35)
"""A bank may send a payout back weeks later."""
_PIECE = 200
_CASES_A_RUN = 50
"""Beyond it one case says how many there are: thousands of cases would hide what is wrong."""
_FAILING = "settlement"
_MANY = "many"

log = structlog.get_logger()
_open_differences = Gauge("kaiho_settlement_differences", "Unexplained differences from Stripe's books")


class Books(Protocol):
    """The part of Stripe that settlement reads; `payments.remote.StripeApi` has it."""

    def list_movements(self, *, created_after: datetime) -> list[RemoteMovement]: ...

    def list_payouts(self, *, created_after: datetime) -> list[RemotePayout]: ...

    def list_payout_movements(self, payout_id: str) -> list[RemoteMovement]: ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What a run did and found."""

    run_id: int
    movements: int
    """New ones copied."""
    found: Comparison


def settle(database: Database, stripe: Books, clock: Clock, *, municipality_id: int) -> Settled:
    """Run once.

    Raises:
        StripeUnavailable: and the like; the run's row says so, the next run goes on from there.
    """
    run_id, since, payouts_since = retrying(lambda: _begin(database, municipality_id, clock.now()))
    try:
        copied = _copy(database, stripe.list_movements(created_after=since), municipality_id, clock)
        copied += _copy_payouts(database, stripe, payouts_since, municipality_id, clock)
    except Exception as error:
        told = error.code if isinstance(error, KaihoError) else type(error).__name__
        retrying(lambda: _fail(database, run_id, municipality_id, told, clock.now()))
        raise
    # Before matching: by a refund that is due, its movements wait.
    retrying(lambda: _have_read_again(database, municipality_id, clock.now()))
    _match(database, municipality_id)
    with database.reading() as session:
        snapshot(session)
        found = compare(session, municipality_id=municipality_id, now=clock.now())
    retrying(lambda: _conclude(database, run_id, copied, found, municipality_id, clock.now()))
    _open_differences.set(len(found.open))
    log.info("settlement_ended", run=run_id, movements=copied, differences=len(found.open))
    return Settled(run_id, copied, found)


def _begin(database: Database, municipality_id: int, now: datetime) -> tuple[int, datetime, datetime]:
    with database.transaction() as session:
        run = SettlementRun(municipality_id=municipality_id, begun_at=now)
        session.add(run)
        session.flush()
        first = session.scalar(
            sa.select(sa.func.min(Payment.created_at)).where(Payment.municipality_id == municipality_id)
        )
        last = session.scalar(
            sa.select(sa.func.max(StripeMovement.created_at)).where(
                StripeMovement.municipality_id == municipality_id
            )
        )
        # What the account did before us is not in our books.
        since = (last or first or now) - OVERLAP
        return run.id, since, min(since, now - PAYOUTS_FOR) if last else since


def _copy(database: Database, found: Sequence[RemoteMovement], municipality_id: int, clock: Clock) -> int:
    def piece(first: int) -> int:
        with database.transaction() as session:
            part = found[first : first + _PIECE]
            return len(movements.copy(session, part, municipality_id=municipality_id, now=clock.now()))

    return sum(retrying(lambda at=at: piece(at)) for at in range(0, len(found), _PIECE))  # type: ignore[misc]


def _copy_payouts(
    database: Database, stripe: Books, since: datetime, municipality_id: int, clock: Clock
) -> int:
    copied = 0
    for payout in stripe.list_payouts(created_after=since):
        if not retrying(lambda one=payout: _keep_payout(database, one, municipality_id, clock.now())):  # type: ignore[misc]
            continue
        inside = stripe.list_payout_movements(payout.id)
        copied += _copy(database, inside, municipality_id, clock)
        retrying(lambda one=payout, its=inside: _check_payout(database, one, its, clock.now()))  # type: ignore[misc]
    return copied


def _keep_payout(database: Database, payout: RemotePayout, municipality_id: int, now: datetime) -> bool:
    """Write down how it stands; whether its movements have still to be added up."""
    with database.transaction() as session:
        values = {
            "amount": payout.amount,
            "state": payout.state,
            "arrives_on": payout.arrives_on,
        }
        statement = insert_into(session, StripePayout).values(
            id=payout.id,
            municipality_id=municipality_id,
            created_at=payout.created_at,
            copied_at=now,
            **values,
        )
        statement = statement.on_conflict_do_update(index_elements=[StripePayout.id], set_=values)
        checked_at = session.scalar(statement.returning(StripePayout.checked_at))
        return checked_at is None and payout.state not in GONE_BACK


def _check_payout(
    database: Database, payout: RemotePayout, inside: Sequence[RemoteMovement], now: datetime
) -> None:
    with database.transaction() as session:
        for first in range(0, len(inside), _PIECE):
            session.execute(
                sa.update(StripeMovement)
                .where(StripeMovement.id.in_([one.id for one in inside[first : first + _PIECE]]))
                .values(payout_id=payout.id)
            )
        if adds_up(payout, inside):
            session.execute(
                sa.update(StripePayout).where(StripePayout.id == payout.id).values(checked_at=now)
            )


def adds_up(payout: RemotePayout, inside: Sequence[RemoteMovement]) -> bool:
    """Whether what a payout carried is what it paid out; its own movement is among it and is left out."""
    carried = [one for one in inside if one.source_id != payout.id]
    return bool(carried) and sum(one.net for one in carried) == payout.amount


def _match(database: Database, municipality_id: int) -> None:
    after: tuple[datetime, str] | None = None

    def piece() -> tuple[datetime, str] | None:
        with database.transaction() as session:
            return matching.match_next(session, municipality_id=municipality_id, after=after, limit=_PIECE)[1]

    while (after := retrying(piece)) is not None:
        pass


def _have_read_again(database: Database, municipality_id: int, now: datetime) -> None:
    with database.transaction() as session:
        matching.have_read_again(session, municipality_id=municipality_id, now=now)


def _fail(database: Database, run_id: int, municipality_id: int, told: str, now: datetime) -> None:
    with database.transaction() as session:
        run = session.get_one(SettlementRun, run_id)
        run.error = told[:200]
        since = _last_success(session, municipality_id) or _first_begun(session, municipality_id)
        if now - since >= GRACE:
            open_case(
                session,
                municipality_id=municipality_id,
                kind=CaseKind.SETTLEMENT,
                about=About(_FAILING, detail={"error": run.error, "since": since.isoformat()}),
                now=now,
            )


def _last_success(session: Session, municipality_id: int) -> datetime | None:
    return session.scalar(
        sa.select(sa.func.max(SettlementRun.begun_at)).where(
            SettlementRun.municipality_id == municipality_id, SettlementRun.ended_at.is_not(None)
        )
    )


def _first_begun(session: Session, municipality_id: int) -> datetime:
    found = session.scalar(
        sa.select(sa.func.min(SettlementRun.begun_at)).where(SettlementRun.municipality_id == municipality_id)
    )
    assert found is not None, "this run has begun"
    return found


def _conclude(
    database: Database,
    run_id: int,
    copied: int,
    found: Comparison,
    municipality_id: int,
    now: datetime,
) -> None:
    with database.transaction() as session:
        run = session.get_one(SettlementRun, run_id)
        run.ended_at, run.movements = now, copied
        run.stripe_yen, run.ledger_yen = found.stripe_yen, found.ledger_yen
        run.explained_yen = found.explained_yen
        run.differences = [one.told() for one in found.open[: 2 * _CASES_A_RUN]]
        session.flush()
        _tell(session, municipality_id, found.open, now)


def _tell(session: Session, municipality_id: int, differences: Sequence[Difference], now: datetime) -> None:
    """A case for each difference, none for what has come right."""
    abouts = [
        About(
            one.subject,
            payment_id=one.payment_id,
            refund_id=one.refund_id,
            amount_yen=one.yen,
            detail={"since": one.since.isoformat()},
        )
        for one in differences[:_CASES_A_RUN]
    ]
    if len(differences) > _CASES_A_RUN:
        abouts.append(About(_MANY, detail={"differences": len(differences)}))
    for about in abouts:
        open_case(session, municipality_id=municipality_id, kind=CaseKind.SETTLEMENT, about=about, now=now)
    still = {one.subject for one in differences} | {about.subject for about in abouts}
    settle_others(
        session,
        municipality_id=municipality_id,
        kind=CaseKind.SETTLEMENT,
        still=still,
        note="照合が一致しました。",
        now=now,
    )
