"""How fast Stripe's messages are answered when they come all at once, by the real web process.

    python -m tests.bench.webhooks [--database sqlite|postgresql|both] [--events N] [--connections N]
        [--rounds N]

A burst is what follows a silence: for every payment three messages about it and one of them twice, mixed,
signed, from many connections. What is timed is what Stripe waits for: verified, stored once, the row due.
"""

import argparse
import hashlib
import hmac
import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from core.ids import new_id
from payments import checkout
from payments.models import Payment, WebhookEvent
from payments.states import PaymentState
from tests.bench import figures, load, measure
from tests.bench.bare import bare_page
from tests.bench.figures import Figure
from tests.bench.measure import Waits
from tests.bench.town import BenchTown
from tests.servers.postgres import running_postgres
from tests.servers.schema import sqlite_url

EVENTS = 1000
CONNECTIONS = 16
ANSWER_WITHIN_S = 1.0
_TYPES = ("payment_intent.succeeded", "charge.succeeded", "checkout.session.completed")
_A_PAYMENT = len(_TYPES) + 1
_FILLING = "x" * 2500
"""What a real session has besides the members we read: about as many octets."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst: how long Stripe waited, and what became of the messages."""

    waits: Waits
    stored: int
    """Messages kept: each event once."""
    due: int
    """Payments that are looked at now because of them."""


def burst(town: BenchTown, *, events: int, connections: int) -> Burst:
    """Send so many messages about fresh payments; the town is serving.

    Raises:
        AssertionError: a message was not taken, or one was kept twice or not at all.
    """
    payments = _opened(town, events // _A_PAYMENT)
    before = _stored(town)
    messages = list(_messages(town, payments))
    answers, took = load.run(town.port, messages, clients=connections)
    said = Counter((answer.status, answer.body.decode()) for answer in answers)
    assert set(said) <= {(200, "accepted"), (200, "duplicate")}, said
    with town.services.database.reading() as session:
        due = session.scalar(
            sa.select(sa.func.count())
            .select_from(Payment)
            .where(Payment.id.in_(payments), Payment.next_due_at <= town.services.clock.now())
        )
    found = Burst(measure.waits(answers, took), _stored(town) - before, due or 0)
    assert (found.stored, found.due) == (len(payments) * len(_TYPES), len(payments)), found
    return found


def figures_of(
    name: str, bursts: Sequence[Burst], bare_p50: Sequence[float], connections: int
) -> list[Figure]:
    """Two lines of the table: how long Stripe waits, and how many messages a second."""
    p99 = sorted(one.waits.p99 for one in bursts)[len(bursts) // 2]
    count = bursts[0].stored * _A_PAYMENT // len(_TYPES)
    title = f"webhook: {count:,} signed messages at once, {connections} connections"
    rates = [one.waits.per_s for one in bursts]
    return [
        figures.latency(
            title,
            name,
            [one.waits.p50 for one in bursts],
            [one.waits.p99 for one in bursts],
            bare_p50,
            of="bare page, alone",
        ),
        figures.counted(
            "— its answers",
            name,
            f"{sorted(rates)[len(rates) // 2]:,.0f}/s, p99 {1000 * p99:.1f} ms, each kept once",
            f"p99 ≤ {ANSWER_WITHIN_S:.0f} s",
            p99 <= ANSWER_WITHIN_S,
        ),
    ]


def _opened(town: BenchTown, count: int) -> list[UUID]:
    """Attempts whose page is open and which nobody looks at before its deadline."""
    now = town.services.clock.now()
    made = []
    with town.services.database.transaction() as session:
        for _ in range(count):
            payment = checkout.start(
                session,
                municipality_id=town.municipality_id,
                items=[checkout.Item(new_id(now), "計測", 1500)],
                deadline_at=now + timedelta(hours=1),
                return_url=town.settings.base_url,
                cancel_url=town.settings.base_url,
                mail_address=None,
                now=now,
            )
            payment.state = PaymentState.OPEN
            payment.stripe_session_id = f"cs_test_{payment.id.hex}"
            payment.stripe_payment_intent_id = f"pi_{payment.id.hex}"
            made.append(payment.id)
    return made


def _messages(town: BenchTown, payments: Sequence[UUID]) -> Iterator[bytes]:
    """Every event of every payment and one of them again, in an order that mixes the payments."""
    events = [(payment, kind) for kind in (*_TYPES, _TYPES[0]) for payment in payments]
    secret = town.settings.stripe_webhook_secret.get_secret_value().encode()
    signed_at = int(town.services.clock.now().timestamp())
    for payment, kind in sorted(events, key=lambda pair: hashlib.sha256(repr(pair).encode()).digest()):
        body = json.dumps(_event(payment, kind)).encode()
        made = hmac.new(secret, f"{signed_at}.".encode() + body, hashlib.sha256).hexdigest()
        head = (
            f"POST /stripe/webhook HTTP/1.1\r\nHost: 127.0.0.1:{town.port}\r\nConnection: keep-alive\r\n"
            f"Content-Type: application/json\r\nStripe-Signature: t={signed_at},v1={made}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _event(payment: UUID, kind: str) -> dict[str, object]:
    subject: dict[str, object] = {"filling": _FILLING, "metadata": {"payment_id": str(payment)}}
    if kind.startswith("checkout"):
        subject |= {"id": f"cs_test_{payment.hex}", "object": "checkout.session"}
        subject |= {"client_reference_id": str(payment), "payment_intent": f"pi_{payment.hex}"}
    elif kind.startswith("charge"):
        subject |= {"id": f"ch_{payment.hex}", "object": "charge", "payment_intent": f"pi_{payment.hex}"}
    else:
        subject |= {"id": f"pi_{payment.hex}", "object": "payment_intent"}
    return {
        "id": f"evt_{hashlib.sha256(f'{payment}/{kind}'.encode()).hexdigest()[:24]}",
        "object": "event",
        "type": kind,
        "livemode": False,
        "data": {"object": subject},
    }


def _stored(town: BenchTown) -> int:
    with town.services.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(WebhookEvent)) or 0


@contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "SQLite":
        with tempfile.TemporaryDirectory(prefix="kaiho-bench-") as folder:
            yield sqlite_url(Path(folder) / "kaiho.sqlite3")
        return
    with running_postgres(durable=True) as server:
        server.drop("kaiho_bench_webhooks")
        yield server.create("kaiho_bench_webhooks")
        server.drop("kaiho_bench_webhooks")


def main() -> int:
    """Measure on each database and print the lines; 1 where the aim is missed."""
    wanted = _arguments()
    logging.disable(logging.INFO)
    found: list[Figure] = []
    for name, workers in (("SQLite", 1), ("PostgreSQL", 2)):
        if wanted.database not in ("both", name.lower()):
            continue
        with _database(name) as url:
            town = BenchTown(url, residents=1)
            with town.serving(workers=workers, threads=8):
                burst(town, events=80, connections=wanted.connections)
                with bare_page(workers=workers, threads=8) as bare_port:
                    bare = [measure.page(bare_port, "/healthz", count=200).p50]
                bursts = [
                    burst(town, events=wanted.events, connections=wanted.connections)
                    for _ in range(wanted.rounds)
                ]
            town.close()
        found += figures_of(name, bursts, bare, wanted.connections)
    print(figures.table(found))
    return 1 if any(figure.is_met is False for figure in found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
