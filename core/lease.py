"""One row elects whoever ticks, on both databases. A second ticker is harmless: jobs claim their rows."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base, UtcDateTime, insert_into


class Lease(Base):
    """Who may do a thing until when."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(64))
    until: Mapped[datetime] = mapped_column(UtcDateTime)


def take_lease(session: Session, name: str, *, holder: str, lasts_for: timedelta, now: datetime) -> bool:
    """Take or renew a lease; False while somebody else's has not run out."""
    statement = insert_into(session, Lease).values(name=name, holder=holder, until=now + lasts_for)
    statement = statement.on_conflict_do_update(
        index_elements=[Lease.name],
        set_={"holder": holder, "until": now + lasts_for},
        where=sa.or_(Lease.holder == holder, Lease.until <= now),
    )
    return session.execute(statement.returning(Lease.name)).first() is not None


def drop_lease(session: Session, name: str, *, holder: str) -> None:
    """Give a lease back, so that the next one need not wait for its end."""
    session.execute(sa.delete(Lease).where(Lease.name == name, Lease.holder == holder))
