"""How often does a booking system sell one slot? N clients send the same booking in one instant.

Needs nothing of this project: point it at any system that takes a booking by one HTTP request.

    python tests/bench/race.py --url http://127.0.0.1:8000/offerings/1/holds --clients 200 \\
        --header 'Cookie: …' --body 'start=…&length=2&request_key={n}' \\
        --won-status 303 --won-without 'slot_taken'

`{n}` in the body and in headers becomes the client's number. The lines of `--cookie-file` and `--body-file`
go to the clients in turn, so that each has a session and a form of its own. A second look at the system
itself (its list of bookings) is the judge; the statuses counted here are only what clients were told.
Loopback addresses only.
"""

import argparse
import collections
import http.client
import threading
import time
import urllib.parse
from pathlib import Path

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def main() -> int:
    """Run the race and print who was told what; exit 0 if exactly one client was told it has the slot."""
    wanted = _arguments()
    url = urllib.parse.urlsplit(wanted.url)
    if url.hostname not in _LOOPBACK:
        raise SystemExit("only a system on this machine may be raced")
    cookies = wanted.cookie_file.read_text().splitlines() if wanted.cookie_file else [""]
    bodies = wanted.body_file.read_text().splitlines() if wanted.body_file else [wanted.body]
    barrier = threading.Barrier(wanted.clients + 1)
    told: list[tuple[int, str, float]] = []
    threads = [
        threading.Thread(
            target=_client,
            args=(n, url, wanted, cookies[n % len(cookies)], bodies[n % len(bodies)], barrier, told),
        )
        for n in range(wanted.clients)
    ]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    won = sum(1 for status, body, _ in told if status == wanted.won_status and wanted.won_without not in body)
    print(f"{len(told)} of {wanted.clients} clients answered in {time.perf_counter() - begun:.3f} s")
    for status, count in sorted(collections.Counter(status for status, _, _ in told).items()):
        print(f"  status {status}: {count}")
    print(f"  told that they have the slot: {won}")
    return 0 if won == 1 else 1


def _client(
    number: int,
    url: urllib.parse.SplitResult,
    wanted: argparse.Namespace,
    cookie: str,
    body: str,
    barrier: threading.Barrier,
    told: list[tuple[int, str, float]],
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for line in wanted.header:
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip().replace("{n}", str(number))
    if cookie:
        headers["Cookie"] = cookie
    line = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    line.connect()
    barrier.wait()
    begun = time.perf_counter()
    line.request(wanted.method, url.path, body.replace("{n}", str(number)), headers)
    answer = line.getresponse()
    said = answer.read().decode(errors="replace") + (answer.getheader("Location") or "")
    told.append((answer.status, said, time.perf_counter() - begun))
    line.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--method", default="POST")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--cookie-file", type=Path)
    parser.add_argument("--body", default="")
    parser.add_argument("--body-file", type=Path)
    parser.add_argument("--won-status", type=int, default=303)
    parser.add_argument("--won-without", default="\0", help="text that an answer to a loser holds")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
