"""A load generator that costs little beside what it measures: keep-alive connections, prepared bytes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, its head (lower case names kept as sent), its length, and how long it took."""

    status: int
    head: bytes
    body: bytes
    took_s: float


def request(method: str, path: str, *, host: str, cookie: str = "", body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: keep-alive"]
    if cookie:
        lines.append(f"Cookie: {cookie}")
    if method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(port: int, requests: Sequence[bytes], *, clients: int) -> tuple[list[Answer], float]:
    """Send all over `clients` connections, each the next one as soon as it is free; answers and seconds."""
    # A thread of its own: where a browser is tested in the same process, this one has a loop that runs.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(lambda: asyncio.run(_run(port, requests, clients))).result()


def at_once(port: int, requests: Sequence[bytes]) -> tuple[list[Answer], float]:
    """Open a connection for each request first, then send all in the same instant."""
    return asyncio.run(_at_once(port, requests))


async def _run(port: int, requests: Sequence[bytes], clients: int) -> tuple[list[Answer], float]:
    waiting = iter(requests)
    answers: list[Answer] = []
    begun = time.perf_counter()
    await asyncio.gather(*(_client(port, waiting, answers) for _ in range(clients)))
    return answers, time.perf_counter() - begun


async def _client(port: int, waiting: Iterator[bytes], answers: list[Answer]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for one in waiting:
        answer = await _exchange(reader, writer, one)
        answers.append(answer)
    writer.close()


async def _at_once(port: int, requests: Sequence[bytes]) -> tuple[list[Answer], float]:
    lines = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in requests))
    begun = time.perf_counter()
    answers = await asyncio.gather(
        *(_exchange(reader, writer, one) for (reader, writer), one in zip(lines, requests, strict=True))
    )
    took = time.perf_counter() - begun
    for _, writer in lines:
        writer.close()
    return list(answers), took


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one: bytes) -> Answer:
    begun = time.perf_counter()
    writer.write(one)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    body = await _body(reader, head.lower())
    return Answer(status, head, body, time.perf_counter() - begun)


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"transfer-encoding: chunked" in head:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
    return await reader.readexactly(int(length)) if length else b""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
