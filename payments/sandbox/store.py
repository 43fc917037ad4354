"""Everything the sandbox remembers, in one SQLite file: kill -9 and a restart lose nothing committed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from payments.sandbox.edge import Clock, fresh_seed

Body = dict[str, Any]
"""One Stripe object, as its JSON."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  created INTEGER NOT NULL, due_at INTEGER, body TEXT NOT NULL, note TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_intent ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, endpoint TEXT NOT NULL, fingerprint TEXT NOT NULL, created INTEGER NOT NULL,
  status INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS planned_faults (
  id INTEGER PRIMARY KEY AUTOINCREMENT, domain TEXT NOT NULL, remaining INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS faults_by_domain ON planned_faults (domain, id);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, due_at INTEGER NOT NULL,
  rank INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, last_answer TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at, rank);
"""


class Store:
    """Objects by id, in order of creation, with a private note each that the API never shows.

    One connection behind one lock: requests take effect one after another, which is also what makes "expire"
    and "pay" on one session a race with exactly one winner.
    """

    def __init__(self, path: Path, clock: Clock, seed: str | None = None) -> None:
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLES)
        # A key claimed by a process that died has had no effect: its transaction was never committed.
        self._db.execute("DELETE FROM answers WHERE status IS NULL")
        self.clock.advance(int(self.fact_or_none("clock_offset_s") or 0))
        self._seed = self.fact_or_none("seed") or seed or fresh_seed()
        self.set_fact("seed", self._seed)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one at a time; an inner one joins the outer."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; all rows it gives."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def fact_or_none(self, name: str) -> str | None:
        """A single remembered value."""
        found = self.rows("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def set_fact(self, name: str, value: str) -> None:
        """Remember a single value."""
        self.rows("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", name, value)

    def advance_clock(self, seconds: int) -> int:
        """Move the clock and remember it over a restart; the new reading."""
        now = self.clock.advance(seconds)
        self.set_fact("clock_offset_s", str(self.clock.offset_s))
        return now

    def new_id(self, prefix: str, length: int = 24) -> str:
        """The next id: prefix and `length` letters and digits, the same sequence for the same seed."""
        with self.transaction():
            counter = int(self.fact_or_none("ids") or 0) + 1
            self.set_fact("ids", str(counter))
        number = int.from_bytes(hashlib.sha512(f"{self._seed}/{counter}".encode()).digest(), "big")
        letters = []
        for _ in range(length):
            number, digit = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[digit])
        return prefix + "".join(letters)

    def add(self, body: Body, *, note: Body | None = None, due_at: int | None = None) -> Body:
        """Keep a new object; `due_at` is when the sweep must look at it."""
        self.rows(
            "INSERT INTO objects (id, kind, created, due_at, body, note) VALUES (?, ?, ?, ?, ?, ?)",
            body["id"],
            body["object"],
            body["created"],
            due_at,
            json.dumps(body),
            json.dumps(note or {}),
        )
        return body

    def save(self, body: Body, *, due_at: int | None = None) -> Body:
        """Replace an object's JSON and its due time (none unless given)."""
        self.rows(
            "UPDATE objects SET body = ?, due_at = ? WHERE id = ?", json.dumps(body), due_at, body["id"]
        )
        return body

    def find_or_none(self, kind: str, object_id: str) -> Body | None:
        """The object of this kind and id."""
        found = self.rows("SELECT body FROM objects WHERE id = ? AND kind = ?", object_id, kind)
        return dict(json.loads(found[0][0])) if found else None

    def require(self, kind: str, object_id: str) -> Body:
        """An object that another one of ours names; KeyError would be our own bug."""
        found = self.find_or_none(kind, object_id)
        if found is None:
            raise KeyError(object_id)
        return found

    def note(self, object_id: str) -> Body:
        """What only the sandbox knows about an object."""
        return dict(json.loads(self.rows("SELECT note FROM objects WHERE id = ?", object_id)[0][0]))

    def save_note(self, object_id: str, note: Body) -> None:
        """Replace an object's note."""
        self.rows("UPDATE objects SET note = ? WHERE id = ?", json.dumps(note), object_id)

    def seq_or_none(self, kind: str, object_id: str) -> int | None:
        """The object's place in the order of creation."""
        found = self.rows("SELECT seq FROM objects WHERE id = ? AND kind = ?", object_id, kind)
        return int(found[0][0]) if found else None

    def due(self, now: int) -> list[Body]:
        """Objects whose time has come, earliest first."""
        found = self.rows("SELECT body FROM objects WHERE due_at <= ? ORDER BY due_at, seq", now)
        return [json.loads(row[0]) for row in found]

    def newest_first(
        self,
        kind: str,
        *,
        equal: Mapping[str, object] | None = None,
        created: Mapping[str, int] | None = None,
        before_seq: int | None = None,
        after_seq: int | None = None,
        limit: int = -1,
    ) -> list[Body]:
        """Objects of a kind, newest first; oldest first from `after_seq` up. `created`: gt, gte, lt, lte."""
        where, values = ["kind = ?"], [kind]  # type: tuple[list[str], list[object]]
        for name, value in (equal or {}).items():
            where.append(f"json_extract(body, '$.{name}') = ?")
            values.append(value)
        for operator, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
            if created and operator in created:
                where.append(f"created {sign} ?")
                values.append(created[operator])
        if before_seq is not None:
            where.append("seq < ?")
            values.append(before_seq)
        if after_seq is not None:
            where.append("seq > ?")
            values.append(after_seq)
        order = "ASC" if after_seq is not None else "DESC"
        # Column and member names are literals of this folder; every value is bound.
        sql = f"SELECT body FROM objects WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        return [json.loads(row[0]) for row in self.rows(sql, *values, limit)]
