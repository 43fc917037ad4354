"""What really happened, from those who did it: the sandbox's books, the database's rows, the mailbox."""

import email
import email.policy
import json
import urllib.request
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from booking.demo.resident import Booked
from booking.demo.town import Town
from booking.reservations.models import Claim, Reservation, State
from core.database import Database
from core.window import Window
from locks.models import Grant


@dataclass(frozen=True, slots=True)
class Money:
    """What the sandbox took and gave back for one reservation, in yen."""

    captured: int
    refunded: int
    open_sessions: int


class Oracle:
    """Looks at a town from outside."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.database = Database(town.environment["KAIHO_DATABASE_URL"])

    def fault(self, **fault: object) -> None:
        """Let something go wrong at the sandbox."""
        self._sandbox("/_sandbox/faults", [fault])

    def requests(self) -> dict[str, int]:
        """How often each endpoint of the sandbox was called."""
        counted: dict[str, int] = self._sandbox("/_sandbox/requests")
        return counted

    def money_of(self, booked: Booked) -> Money:
        """The sandbox's own books about a reservation: not one row of ours is read."""
        objects = self._sandbox("/_sandbox/state")["objects"]
        wanted = str(id_of(booked))
        sessions = [
            one
            for one in objects.get("checkout.session", [])
            if wanted in json.dumps(one, ensure_ascii=False)
        ]
        intents = {one["payment_intent"] for one in sessions if one["payment_intent"]}
        return Money(
            captured=sum(
                one["amount_received"] for one in objects.get("payment_intent", []) if one["id"] in intents
            ),
            refunded=sum(
                one["amount"]
                for one in objects.get("refund", [])
                if one["payment_intent"] in intents and one["status"] == "succeeded"
            ),
            open_sessions=sum(one["status"] == "open" for one in sessions),
        )

    def reservation(self, booked: Booked) -> Reservation:
        """The row."""
        with self.database.reading() as session:
            return session.get_one(Reservation, id_of(booked))

    def reservations_between(self, first: int, last: int, offering_id: int) -> list[Reservation]:
        """Every reservation of an offering that starts in a range of granules."""
        window = Window.of_granules(first, last - first)
        with self.database.reading() as session:
            return list(
                session.scalars(
                    sa.select(Reservation)
                    .where(
                        Reservation.offering_id == offering_id,
                        Reservation.starts_at >= window.starts_at,
                        Reservation.starts_at < window.ends_at,
                    )
                    .order_by(Reservation.id)
                )
            )

    def claims_of(self, booked: Booked) -> int:
        """How many granules of courts it has."""
        with self.database.reading() as session:
            return (
                session.scalar(
                    sa.select(sa.func.count()).select_from(Claim).where(Claim.reservation_id == id_of(booked))
                )
                or 0
            )

    def live_grants_of(self, booked: Booked) -> int:
        """How many rights to open it has that nobody took back."""
        with self.database.reading() as session:
            return (
                session.scalar(
                    sa.select(sa.func.count())
                    .select_from(Grant)
                    .where(Grant.holder == id_of(booked), Grant.withdrawn_at.is_(None))
                )
                or 0
            )

    def assert_in_order(self, booked: Booked) -> None:
        """The promises, for one reservation that has come to rest."""
        row, money = self.reservation(booked), self.money_of(booked)
        length = len(Window(row.starts_at, row.ends_at).granules)
        assert money.open_sessions == 0, "something may still capture"
        if row.state in (State.CONFIRMED, State.USED):
            assert money.captured - money.refunded == row.amount_yen
            assert self.claims_of(booked) == length
            assert self.live_grants_of(booked) == 1
        else:
            assert row.state in (State.EXPIRED, State.CANCELLED)
            assert money.captured == money.refunded
            assert self.claims_of(booked) == 0
            assert self.live_grants_of(booked) == 0

    def mails_about(self, booked: Booked) -> list[str]:
        """Message ids of the caught mails that name a reservation, each once."""
        found = set()
        for file in self._town.mail_folder.glob("*.eml"):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            body = message.get_body(("plain",))
            if body is not None and str(id_of(booked)) in body.get_content():
                found.add(str(message["Message-ID"]))
        return sorted(found)

    def _sandbox(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        wanted = urllib.request.Request(
            self._town.at.stripe_url + path, data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(wanted, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None


def id_of(booked: Booked) -> UUID:
    """The reservation's id, from its page's address."""
    return UUID(booked.address.rpartition("/")[2])
