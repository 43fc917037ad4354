"""The limits: what the same machine does with nothing of ours in between.

The bare page: a Flask application of one line behind the same server, for the same client. The bare insert:
the rows of one hold, by the driver alone, one durable transaction each.
"""

import json
import multiprocessing
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from multiprocessing.synchronize import Barrier
from queue import SimpleQueue
from typing import Any
from uuid import UUID

import psycopg
from flask import Flask
from psycopg.types.json import Json

from tests.bench.town import answers
from tests.servers.loopback import eventually, free_port
from tests.servers.processes import Processes

FAR = 3_000_000
"""First granule of bare inserts: in the 22nd century, where nobody books."""

page = Flask("bare")


@page.get("/healthz")
def _bare() -> str:
    return "ok"


@contextmanager
def bare_page(*, workers: int, threads: int) -> Iterator[int]:
    """The port of the bare page, served like ours."""
    processes = Processes()
    port = free_port()
    program = (
        "from granian import Granian; from granian.constants import Interfaces; "
        f"Granian('tests.bench.bare:page', address='127.0.0.1', port={port}, interface=Interfaces.WSGI, "
        f"workers={workers}, blocking_threads={threads}, backlog=2048, log_enabled=False).serve()"
    )
    processes.start(sys.executable, "-c", program)
    try:
        eventually(lambda: answers(port), within_s=30, what="the bare page")
        yield port
    finally:
        processes.kill_all()


class Pattern:
    """A reservation as a hold wrote it, to be written again elsewhere: with its claims and its mail."""

    def __init__(self, database_url: str, reservation_id: UUID, groups: Sequence[UUID]) -> None:
        self.url = database_url
        self.is_sqlite = database_url.startswith("sqlite")
        with _connect(database_url) as connection:
            mark = "?" if self.is_sqlite else "%s"
            key: Any = reservation_id.hex if self.is_sqlite else reservation_id
            self.reservation = _row(connection, f"SELECT * FROM reservation WHERE id = {mark}", key)
            self.claims = _rows(connection, f"SELECT * FROM claim WHERE reservation_id = {mark}", key)
            self.owed = _row(
                connection, f"SELECT * FROM owed WHERE key LIKE {mark}", f"made:{reservation_id}:%"
            )
        # Spread as holds are: a group with thousands of open ones is nothing that exists.
        self._groups = cycle([group.hex if self.is_sqlite else group for group in groups])
        self._next = FAR

    def rows(self, count: int) -> list[list[tuple[str, list[tuple[Any, ...]]]]]:
        """`count` transactions: statements with their parameters, none of which collide."""
        made = []
        for _ in range(count):
            number, self._next = self._next, self._next + len(self.claims)
            key: Any = UUID(int=number).hex if self.is_sqlite else UUID(int=number)
            claims = [
                {**claim, "granule": number + place, "reservation_id": key}
                for place, claim in enumerate(self.claims)
            ]
            reservation = {
                **self.reservation,
                "id": key,
                "group_id": next(self._groups),
                "request_key": str(number),
            }
            made.append(
                [
                    self._insert("reservation", [reservation]),
                    self._insert("claim", claims),
                    self._insert("owed", [{**self.owed, "id": key, "key": f"bare:{number}"}]),
                ]
            )
        return made

    def _insert(self, table: str, rows: Sequence[dict[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
        mark = "?" if self.is_sqlite else "%s"
        place = f"({', '.join([mark] * len(rows[0]))})"
        values = [_plain(value, self.is_sqlite) for row in rows for value in row.values()]
        statement = f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES {', '.join([place] * len(rows))}"
        return statement, [tuple(values)]


def bare_inserts(pattern: Pattern, count: int, *, processes: int = 2, connections: int = 8) -> float:
    """Transactions a second: PostgreSQL over so many connections a process, SQLite over its one writer."""
    if pattern.is_sqlite:
        return _sqlite_inserts(pattern, count)
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(processes + 1)
    share = count // processes
    children = [
        spawn.Process(target=_postgres_inserts, args=(pattern.url, pattern.rows(share), barrier, connections))
        for _ in range(processes)
    ]
    for child in children:
        child.start()
    barrier.wait(60)
    begun = time.perf_counter()
    barrier.wait(120)
    took = time.perf_counter() - begun
    for child in children:
        child.join()
    return share * processes / took


def bare_row(pattern: Pattern, octets: int, count: int) -> float:
    """Seconds for one durable transaction that updates one text of a size; the median."""
    took = []
    with _connect(pattern.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare_text (id integer PRIMARY KEY, words text)")
        mark = "?, ?" if pattern.is_sqlite else "%s, %s"
        for number in range(count):
            begun = time.perf_counter()
            connection.execute("BEGIN")
            connection.execute(f"INSERT INTO bare_text VALUES ({mark})", (number, "x" * octets))
            connection.execute("COMMIT")
            took.append(time.perf_counter() - begun)
        connection.execute("DROP TABLE bare_text")
    return sorted(took)[count // 2]


def _sqlite_inserts(pattern: Pattern, count: int) -> float:
    transactions = pattern.rows(count)
    with _connect(pattern.url) as connection:
        begun = time.perf_counter()
        for statements in transactions:
            connection.execute("BEGIN IMMEDIATE")
            for statement, (values,) in statements:
                connection.execute(statement, values)
            connection.execute("COMMIT")
        return count / (time.perf_counter() - begun)


def _postgres_inserts(url: str, transactions: list[Any], barrier: Barrier, width: int) -> None:
    waiting: SimpleQueue[Any] = SimpleQueue()
    for transaction in transactions:
        waiting.put(transaction)
    connections = [psycopg.connect(url, autocommit=True, prepare_threshold=1) for _ in range(width)]

    def run(connection: psycopg.Connection[Any]) -> None:
        while not waiting.empty():
            statements = waiting.get()
            with connection.transaction():
                for statement, (values,) in statements:
                    connection.execute(statement, values)

    threads = [threading.Thread(target=run, args=(connection,)) for connection in connections]
    barrier.wait(60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    barrier.wait(120)
    for connection in connections:
        connection.close()


@contextmanager
def _connect(url: str) -> Iterator[Any]:
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")
    else:
        connection = psycopg.connect(url, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def _rows(connection: Any, statement: str, key: object) -> list[dict[str, Any]]:
    cursor = connection.execute(statement, (key,))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _row(connection: Any, statement: str, key: object) -> dict[str, Any]:
    return _rows(connection, statement, key)[0]


def _plain(value: Any, is_sqlite: bool) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value) if is_sqlite else Json(value)
    return value
