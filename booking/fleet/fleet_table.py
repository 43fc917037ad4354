"""The fleet as a file for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime

from booking.fleet.alarm_words import words_of
from booking.fleet.lock_words import KINDS, STATES, TRANSPORTS
from booking.places.access_points import full_name
from booking.utilisation.table import harmless
from core.clock import TOKYO
from locks.models import AccessPointKind, Transport
from locks.overview import FleetLine

HEADER = (
    "場所",
    "種類",
    "電子錠ID",
    "状態",
    "通信方式",
    "最後の通信",
    "次の通信予定",
    "通信の様子",
    "反映した版",
    "最新の版",
    "電池(mV)",
    "温度(℃)",
    "電波(dBm)",
    "時計の進み(ppm)",
    "ファームウェア",
    "続いている警報",
)


def as_csv(lines: Iterable[FleetLine], facility_of: Mapping[int, str]) -> bytes:
    """One line a lock, in the page's order: UTF-8 with a mark, CRLF, no cell that is taken for a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for line in lines:
        writer.writerow(
            (
                harmless(full_name(line.access_point_id, line.access_point_name, facility_of)),
                KINDS[AccessPointKind(line.kind)],
                line.lock_id,
                STATES[line.state][0],
                TRANSPORTS[Transport(line.transport)],
                _instant(line.last_contact_at),
                _instant(line.next_sync_at),
                "途絶" if line.is_lost else "遅れ" if line.is_late else "",
                line.applied_version,
                line.desired_version,
                _number(line.battery_mv),
                _number(line.temperature_c),
                _number(line.rssi_dbm),
                _number(line.clock_drift_ppm),
                harmless(line.firmware or ""),
                "、".join(words_of(kind).title for kind in line.alarms),
            )
        )
    return text.getvalue().encode("utf-8-sig")


def _instant(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
