"""The live picture of a fleet: a page on loopback that reloads itself, without a line of script."""

import threading
from collections.abc import Sequence
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from booking.demo.fleet_picture import Line, Span, chart, legend
from booking.demo.fleet_record import Point, Record
from booking.demo.fleet_town import Wanted
from core.clock import TOKYO

_RELOAD_S = 2
_ROWS = 12

_STYLE = """
:root { color-scheme: light; --ink: #1a1a1c; --soft: #626264; --line: #d9d9d9; --ground: #f8f8fb; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1100px; padding: 16px; color: var(--ink); background: var(--ground);
  font: 16px/1.7 "Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0 0 4px; }
p { margin: 4px 0 16px; color: var(--soft); }
section { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 16px;
  margin: 0 0 16px; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 8px; padding: 0;
  list-style: none; margin: 0 0 16px; }
.numbers li { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 8px 16px; }
.numbers b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; line-height: 1.4; }
.charts { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
.charts { margin: 0 0 16px; } .charts section { margin: 0; }
.legend { list-style: none; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: 4px 16px; }
.legend svg { width: 28px; height: 8px; margin-right: 6px; stroke-width: 2; }
section > svg { width: 100%; height: auto; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
text { font-size: 12px; fill: var(--soft); } text.y { text-anchor: end; }
.grid { stroke: var(--line); fill: none; } .cut { fill: #ffdfca; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 4px 8px; text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; }
.down { color: #a61b1b; font-weight: 700; }
"""


def page(record: Record, wanted: Wanted) -> str:
    """The whole page as it is now."""
    points, outages = record.read()
    body = _body(points, outages, wanted) if points else "<p>最初の記録を待っています。</p>"
    return (
        f'<!doctype html><html lang="ja"><head><meta charset="utf-8"><meta http-equiv="refresh" '
        f'content="{_RELOAD_S}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>電子錠の群れ</title><style>{_STYLE}</style></head><body><main><h1>電子錠の群れ</h1>{body}"
        "</main></body></html>"
    )


def _body(points: Sequence[Point], outages: Sequence[Span], wanted: Wanted) -> str:
    newest = points[-1]
    now = newest.sample.now.astimezone(TOKYO)
    state = "" if newest.sample.is_broker_up else ' <span class="down">通信が止まっています</span>'
    return (
        f"<p>{wanted.locks:,} 台 ・ {wanted.speed:,.6g} 倍速 ・ 町の時刻 {now:%m月%d日 %H:%M} "
        f"（{newest.hour:,.1f} 時間目）{state}</p>"
        f"{_numbers(newest)}<div class='charts'>{_charts(points, outages)}</div>"
        f"<section><h2>最近の記録</h2>{_table(points)}</section>"
        "<p>サーバーと電子錠の通信は本物の Mosquitto を通ります。眠っている間だけ時間が速く進みます。</p>"
    )


def _numbers(point: Point) -> str:
    counts, locks = point.sample.server, point.sample.simulator
    shown = (
        ("動いている電子錠", f"{counts.locks - counts.silent_yet:,}"),
        ("最新の設定でない電子錠", f"{counts.behind:,}"),
        ("通信が遅れている電子錠", f"{counts.late:,}"),
        ("通信が途絶えた電子錠", f"{counts.lost:,}"),
        ("続いている警報", f"{sum(counts.alarms.values()):,}"),
        ("通信の回数", f"{locks['contacts']:,}"),
        ("予約・取消", f"{point.sample.booked - point.sample.cancelled:,}・{point.sample.cancelled:,}"),
        ("1台の記憶域", f"{locks['octets_a_lock'] / 1024:,.1f} KiB"),
    )
    items = "".join(f"<li>{escape(name)}<b>{value}</b></li>" for name, value in shown)
    return f'<ul class="numbers">{items}</ul>'


def _charts(points: Sequence[Point], outages: Sequence[Span]) -> str:
    hours = [point.hour for point in points]
    servers = [point.sample.server for point in points]
    drawn = (
        ("1秒あたりの通信", [Line("通信", "#0017c1", [point.contacts_a_s for point in points])]),
        (
            "最新の設定を待つ電子錠",
            [
                Line("最新の設定でない電子錠", "#0017c1", [counts.behind for counts in servers]),
                Line(
                    "まだ一度も通信していない電子錠",
                    "#626264",
                    [counts.silent_yet for counts in servers],
                    "6 4",
                ),
            ],
        ),
        (
            "通信と警報",
            [
                Line("遅れ", "#c74700", [counts.late for counts in servers]),
                Line("途絶", "#a61b1b", [counts.lost for counts in servers], "6 4"),
                Line("警報", "#0017c1", [sum(counts.alarms.values()) for counts in servers], "2 3"),
            ],
        ),
        (
            "返事までの時間（ミリ秒）",
            [
                Line("中央値", "#0017c1", [_wait(point, "p50") for point in points]),
                Line("99%", "#c74700", [_wait(point, "p99") for point in points], "6 4"),
            ],
        ),
    )
    return "".join(
        f"<section><h2>{escape(title)}</h2>{chart(title, hours, lines, outages)}"
        f'<ul class="legend">{legend(lines)}</ul></section>'
        for title, lines in drawn
    )


def _wait(point: Point, which: str) -> float:
    return float(point.sample.simulator[f"welcome_{which}_ms"] or 0.0)


def _table(points: Sequence[Point]) -> str:
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "町の時刻",
            "通信/秒",
            "最新でない",
            "遅れ",
            "途絶",
            "警報",
            "失敗した通信",
            "返事 p50",
            "返事 p99",
            "CPU/通信",
        )
    )
    rows = "".join(_row(point) for point in reversed(points[-_ROWS:]))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="table" tabindex="0" role="region" aria-label="最近の記録">{table}</div>'


def _row(point: Point) -> str:
    counts = point.sample.server
    cells = (
        f"{point.sample.now.astimezone(TOKYO):%d日 %H:%M}",
        f"{point.contacts_a_s:,.0f}",
        f"{counts.behind:,}",
        f"{counts.late:,}",
        f"{counts.lost:,}",
        f"{sum(counts.alarms.values()):,}",
        f"{point.sample.simulator['failed']:,}",
        f"{_wait(point, 'p50'):,.0f} ms",
        f"{_wait(point, 'p99'):,.0f} ms",
        f"{point.cpu_ms:,.1f} ms",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


class PageServer:
    """Serves the page on 127.0.0.1 until `stop`."""

    def __init__(self, record: Record, wanted: Wanted, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The page, whatever is asked for but the root is not there."""
                found = self.path.partition("?")[0] == "/"
                body = page(record, wanted).encode() if found else b""
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the terminal shows the progress."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """No more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
