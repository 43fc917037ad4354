"""The MQTT process: hellos in (verify, store, commit, answer, acknowledge), desired states out.

Any number of gateways share the work: the broker deals hellos out over a shared subscription, the lock's
row orders them, and publications are claimed rows. Killed anywhere, nothing is lost: a lock without a
welcome speaks again, a row that was not settled is due again.
"""

import re
import threading
from collections import deque
from datetime import timedelta
from queue import Empty, LifoQueue
from time import monotonic
from zlib import crc32

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from core.clock import Clock
from core.database import Database, retrying
from core.errors import Unavailable
from core.secrets import Keyring
from locks import commands, contact, metrics, publications
from locks.broker_client import BrokerClient, MqttSettings, Received
from locks.callbacks import Callbacks
from locks.desired_state import StoredVersion, build
from locks.errors import BadMessage
from locks.keys import gateway_group
from locks.publications import Claim, Clearing, Publication

log = structlog.get_logger()

_HELLOS = "kaiho/v1/locks/+/up/#"
_TOPIC = re.compile(r"kaiho/v1/locks/([0-9a-f]{16})/up/(.{1,64})\Z")
_WORKERS = 4
_WINDOW = 100
"""Publications in flight at most; paces a republication of everything."""
_BATCH = 25
_TICK_S = 0.25
_WELCOME_LASTS_S = 10
"""A nonce is dead after 5 s; a later welcome would only cost the lock its time."""
_COMMAND_LASTS_S = int(commands.LASTS.total_seconds())
_PATIENCE_S = 5.0
"""How long a lock waits for its welcome (protocol 5)."""
_TRIES = 3
_AWAY = (OperationalError, InterfaceError, Unavailable)
"""The database does not answer, or is too busy: wait and do the same again."""


class Gateway:
    """One gateway; `run` in one thread, `stop` from any."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        callbacks: Callbacks,
        clock: Clock,
        settings: MqttSettings,
        *,
        lease: timedelta = publications.LEASE,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """`lease`: how long, by `clock`, a broker may take to answer before a publication is due again.
        `patience_s`: what has waited longer here is dropped.
        """
        self._lease = lease
        self._patience_s = patience_s
        self._database = database
        self._keyring = keyring
        self._callbacks = callbacks
        self._clock = clock
        self._stopping = threading.Event()
        self._broker_is_new = threading.Event()
        self._unsettled: deque[Publication | Clearing] = deque()
        # The newest first: where more come than can be served, the oldest have hung up already.
        self._inboxes: list[LifoQueue[tuple[float, Received] | None]] = [LifoQueue() for _ in range(_WORKERS)]
        self._broker: BrokerClient[Publication | Clearing] = BrokerClient(
            settings,
            subscription=f"$share/{gateway_group(keyring)}/{_HELLOS}",
            on_message=self._deal,
            on_connect=self._broker_is_new.set,
        )

    @property
    def is_connected(self) -> bool:
        """Whether the broker has let this gateway in."""
        return self._broker.is_connected

    def run(self) -> None:
        """Serve until `stop`; a broker or database that is away is waited for."""
        workers = [
            threading.Thread(target=self._work, args=(inbox,), name=f"hellos-{number}", daemon=True)
            for number, inbox in enumerate(self._inboxes)
        ]
        for worker in workers:
            worker.start()
        self._broker.start()
        while not self._stopping.wait(_TICK_S):
            try:
                self._tick()
            except _AWAY as error:
                log.warning("lock_gateway_waits_for_database", error=type(error).__name__)
                self._stopping.wait(1)
        for inbox in self._inboxes:
            inbox.put(None)
        for worker in workers:
            worker.join(5)
        self._broker.stop()

    def stop(self) -> None:
        """Ask `run` to end: what is being stored is finished, what waits is left to the broker and the
        lock.
        """
        self._stopping.set()

    def republish_all(self) -> None:
        """Give the broker every desired state again, paced."""
        self._broker_is_new.set()

    def _deal(self, received: Received) -> None:
        # One lock's messages meet in one worker, so that they do not wait for each other's row.
        self._inboxes[crc32(received.topic.encode()) % _WORKERS].put((monotonic(), received))

    def _work(self, inbox: LifoQueue[tuple[float, Received] | None]) -> None:
        while not self._stopping.is_set():
            try:
                dealt = inbox.get(timeout=1)
            except Empty:
                continue
            if dealt is None:
                return
            came_at, received = dealt
            if monotonic() - came_at > self._patience_s:
                # Its nonce is dead and the lock keeps what it told: work on it would only delay the living.
                metrics.MESSAGES.labels("late").inc()
                self._broker.acknowledge(received)
            else:
                self._serve(received)

    def _serve(self, received: Received) -> None:
        """Store a message, and only then answer and acknowledge it; without a commit there is neither."""
        tries = 0
        while not self._stopping.is_set():
            try:
                answer = self._stored(received)
                break
            except _AWAY as error:
                log.warning("lock_message_waits_for_database", error=type(error).__name__)
                self._stopping.wait(0.5)
            except Exception:
                tries += 1
                log.exception("lock_message_failed", topic=received.topic)
                if tries == _TRIES:
                    # It would fail for ever and hold up others; without a welcome the lock keeps its events.
                    metrics.MESSAGES.labels("error").inc()
                    answer = None
                    break
        else:
            return
        if answer is not None:
            self._send(answer)
        self._broker.acknowledge(received)

    def _stored(self, received: Received) -> contact.Answer | None:
        topic = _TOPIC.match(received.topic)

        def once() -> contact.Answer | None:
            with self._database.transaction() as session:
                # After the wait for other writers: the lock sets its clock by this.
                now = self._clock.now()
                if topic is None or topic[2] != "hello":
                    contact.reject(
                        session,
                        lock_id=topic[1] if topic else "",
                        payload=received.payload,
                        error=BadMessage("unknown_topic"),
                        now=now,
                    )
                    return None
                return contact.receive_hello(
                    session,
                    self._keyring,
                    self._callbacks,
                    lock_id=topic[1],
                    payload=received.payload,
                    now=now,
                )

        return retrying(once)

    def _send(self, answer: contact.Answer) -> None:
        base = f"kaiho/v1/locks/{answer.lock_id}/down"
        if answer.desired is not None:
            # Before the welcome: that names the version which the lock should then hold.
            tells = Publication(answer.lock_id, answer.version, None)
            self._broker.publish(f"{base}/desired", answer.desired, retain=True, tells=tells)
        for command in answer.commands:
            # Never retained: a lock that wakes up next week must not find it.
            self._broker.publish(f"{base}/command", command, retain=False, expires_s=_COMMAND_LASTS_S)
        if self._broker.publish(f"{base}/welcome", answer.welcome, retain=False, expires_s=_WELCOME_LASTS_S):
            metrics.ANSWERED.inc()

    def _tick(self) -> None:
        self._settle()
        if not self.is_connected:
            return
        if self._broker_is_new.is_set():
            self._broker_is_new.clear()
            try:
                retrying(self._mark_all)
            except BaseException:
                self._broker_is_new.set()
                raise
        while self._publish_batch() and not self._stopping.is_set():
            self._settle()

    def _mark_all(self) -> None:
        with self._database.transaction() as session:
            count = publications.republish_all(session, now=self._clock.now())
        log.info("lock_desired_states_due_again", count=count)

    def _claimed(self, limit: int) -> tuple[list[Claim], list[Clearing]]:
        with self._database.transaction() as session:
            now = self._clock.now()
            claims = publications.claim(session, limit=limit, now=now, lease=self._lease)
            left = limit - len(claims)
            return claims, publications.claim_clearings(session, limit=left, now=now, lease=self._lease)

    def _publish_batch(self) -> bool:
        """Publish what is due and fits into the window; whether there may be more."""
        room = min(_WINDOW - self._broker.in_flight, _BATCH)
        if room <= 0:
            return False
        with self._database.reading() as session:
            if not publications.is_any_due(session, now=self._clock.now()):
                return False
        claims, clearings = retrying(lambda: self._claimed(room))
        for claim in claims:
            self._publish(claim)
        for clearing in clearings:
            # An empty retained message is how MQTT forgets one.
            topic = f"kaiho/v1/locks/{clearing.lock_id}/down/desired"
            self._broker.publish(topic, "", retain=True, tells=clearing)
        return len(claims) + len(clearings) == room

    def _publish(self, claim: Claim) -> None:
        try:
            stored = retrying(lambda: self._built(claim.lock_id))
        except _AWAY:
            raise
        except Exception:
            # One lock that cannot be built must not keep the others waiting; it is due again after the lease.
            log.exception("lock_desired_state_failed", lock=claim.lock_id)
            return
        self._broker.publish(
            f"kaiho/v1/locks/{claim.lock_id}/down/desired",
            stored.jws,
            retain=True,
            tells=Publication(claim.lock_id, stored.version, claim),
        )

    def _built(self, lock_id: str) -> StoredVersion:
        with self._database.transaction() as session:
            return build(session, self._keyring, self._callbacks, lock_id=lock_id, now=self._clock.now())

    def _settle(self) -> None:
        """Write down what the broker has taken; kept for the next time where the database is away."""
        self._unsettled.extend(self._broker.taken())
        if not self._unsettled:
            return
        batch = list(self._unsettled)

        def once() -> None:
            with self._database.transaction() as session:
                published = [done for done in batch if isinstance(done, Publication)]
                publications.settle(session, published, now=self._clock.now())
                publications.settle_clearings(session, [done for done in batch if isinstance(done, Clearing)])

        retrying(once)
        metrics.PUBLISHED.inc(len(batch))
        self._unsettled.clear()
