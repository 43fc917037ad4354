"""A vendor's cloud on loopback, as the vendor's published API describes it; its locks fetch PINs when told.

It keeps its own books: `opens` says what a lock does with a PIN at an instant, and asks no code of ours.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import WSGIRequestHandler

from tests.servers.serving import serving

ZONE = ZoneInfo("Asia/Tokyo")
CLIENT = {"client_id": "sample", "client_secret": "sample-secret-of-a-vendor"}


@dataclass
class Guest:
    """An access person of type guest."""

    id: str
    name: str
    pin: str
    starts_at: datetime
    ends_at: datetime
    status: str = "current"
    lock: str | None = None
    is_on_lock: bool = False
    sync_failed: bool = False


@dataclass
class Device:
    """A lock; it hears nothing until `heartbeat`."""

    id: str
    heartbeat_interval: int = 12 * 3600
    connected_at: str | None = None
    power_level: int = 90
    state: str = "locked"
    pins: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    refuses: bool = False


class VendorCloud:
    """The cloud. `faults` is a list of what the next calls do: `429`, `lost_answer`, `away`."""

    def __init__(self) -> None:
        self.guests: dict[str, Guest] = {}
        self.devices: dict[str, Device] = {}
        self.happened: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.calls: list[str] = []
        self.token = "token-1"
        self.url = ""
        self._number = 0
        self._lock = threading.Lock()

    @property
    def account(self) -> dict[str, str]:
        """The settings of the account."""
        return {"url": self.url, "oauth_url": f"{self.url}/oauth/token", **CLIENT}

    def heartbeat(self, device_id: str, now: datetime) -> None:
        """The lock speaks with its cloud: PINs go on and off."""
        device = self.devices[device_id]
        device.connected_at = now.isoformat()
        for guest in self.guests.values():
            if guest.lock != device_id:
                continue
            wanted = guest.status != "deactivated"
            guest.sync_failed = wanted and device.refuses
            guest.is_on_lock = wanted and not device.refuses
            if guest.is_on_lock:
                device.pins[guest.id] = (guest.pin, guest.starts_at, guest.ends_at)
            else:
                device.pins.pop(guest.id, None)

    def opens(self, device_id: str, pin: str, at: datetime) -> bool:
        """Whether the lock opens for a PIN at this instant; an opening goes into the record."""
        for guest_id, (digits, start, end) in self.devices[device_id].pins.items():
            if digits == pin and start <= at <= end:
                self.record(
                    "unlocked_event",
                    device_id,
                    at,
                    method="pin",
                    associated_resource_id=guest_id,
                    associated_resource_type="access_guest",
                )
                return True
        self.record("access_denied_event", device_id, at, method="pin")
        return False

    def record(self, kind: str, device_id: str, at: datetime, **more: object) -> None:
        """Something happened at a lock."""
        self.happened.append(
            {
                "type": kind,
                "id": self._next("event"),
                "attributes": {
                    "status": "succeeded",
                    "occurred_at": at.isoformat(),
                    "created_at": f"{at.isoformat()}",
                    "publisher_id": device_id,
                    **more,
                },
            }
        )

    def forget_pin(self, guest_id: str) -> None:
        """What no cloud should do."""
        guest = self.guests.pop(guest_id)
        if guest.lock is not None:
            self.devices[guest.lock].pins.pop(guest_id, None)

    def app(self) -> Flask:
        """Its API."""
        app = Flask(__name__)

        @app.before_request
        def _before() -> ResponseReturnValue | None:
            if request.path == "/oauth/token":
                return None
            self.calls.append(f"{request.method} {request.path}")
            fault = self.faults.pop(0) if self.faults else ""
            if fault == "429":
                return "", 429
            if fault == "away":
                return "", 503
            request.environ["kaiho.lost"] = fault == "lost_answer"
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                return "", 401
            return None

        @app.after_request
        def _after(answer: Any) -> Any:
            if request.environ.get("kaiho.lost"):
                answer.status_code = 504
                answer.set_data(b"")
            return answer

        app.post("/oauth/token")(self._oauth)
        app.get("/access_persons")(self._list_guests)
        app.post("/access_persons")(self._make_guest)
        app.put("/access_persons/<guest_id>/deactivate")(self._deactivate)
        app.get("/access_persons/<guest_id>/accesses")(self._accesses)
        app.post("/access_persons/<guest_id>/accesses")(self._give_access)
        app.get("/devices/<device_id>")(self._device)
        app.get("/events")(self._events)
        return app

    def _next(self, what: str) -> str:
        with self._lock:
            self._number += 1
            return f"{what}-{self._number}"

    def _oauth(self) -> ResponseReturnValue:
        if any(request.form.get(name) != value for name, value in CLIENT.items()):
            return jsonify(error="invalid_client"), 401
        return jsonify(access_token=self.token, token_type="bearer")

    def _list_guests(self) -> ResponseReturnValue:
        # Newest first; without a filter only those that are current or to come, as the description says.
        asked = request.args.getlist("attributes[status][]") or ["current", "upcoming"]
        found = [guest for guest in reversed(self.guests.values()) if guest.status in asked]
        return _paged([_told(guest) for guest in found])

    def _make_guest(self) -> ResponseReturnValue:
        body = request.get_json()
        given = body["attributes"]
        if body["type"] != "access_guest":
            return jsonify(message="type"), 422
        if any(other.pin == given["pin"] and other.status == "current" for other in self.guests.values()):
            return jsonify(message="Validation failed", errors={"pin": ["has already been taken"]}), 422
        guest = Guest(
            id=self._next("guest"),
            name=given["name"],
            pin=given["pin"],
            starts_at=datetime.fromisoformat(given["starts_at"]).replace(tzinfo=ZONE),
            ends_at=datetime.fromisoformat(given["ends_at"]).replace(tzinfo=ZONE),
        )
        self.guests[guest.id] = guest
        return jsonify(data=_told(guest)), 201

    def _deactivate(self, guest_id: str) -> ResponseReturnValue:
        if guest_id not in self.guests:
            return "", 404
        self.guests[guest_id].status = "deactivated"
        return jsonify(data=_told(self.guests[guest_id]))

    def _give_access(self, guest_id: str) -> ResponseReturnValue:
        given = request.get_json()["attributes"]
        if guest_id not in self.guests or given["accessible_id"] not in self.devices:
            return "", 404
        self.guests[guest_id].lock = given["accessible_id"]
        return jsonify(data={"id": self._next("access")}), 201

    def _accesses(self, guest_id: str) -> ResponseReturnValue:
        guest = self.guests.get(guest_id)
        if guest is None:
            return "", 404
        if guest.lock is None:
            return _paged([])
        held = guest_id in self.devices[guest.lock].pins
        wanted = guest.status != "deactivated"
        counts = {
            "devices_count": 1,
            "devices_synced_count": int(held and wanted),
            "devices_pending_sync_count": int(held != wanted and not guest.sync_failed),
            "devices_failed_sync_count": int(guest.sync_failed),
        }
        return _paged([{"attributes": {"accessible_id": guest.lock, "accessible_type": "lock", **counts}}])

    def _device(self, device_id: str) -> ResponseReturnValue:
        if device_id not in self.devices:
            return "", 404
        device = self.devices[device_id]
        return jsonify(
            data={
                "type": "lock",
                "id": device.id,
                "attributes": {
                    "heartbeat_interval": device.heartbeat_interval,
                    "connected_at": device.connected_at,
                    "power_level": device.power_level,
                    "state": device.state,
                },
            }
        )

    def _events(self) -> ResponseReturnValue:
        return _paged(
            sorted(self.happened, key=lambda e: (e["attributes"]["created_at"], e["id"]), reverse=True)
        )


def _told(guest: Guest) -> dict[str, Any]:
    return {
        "type": "access_guest",
        "id": guest.id,
        "attributes": {"name": guest.name, "status": guest.status},
    }


def _paged(items: list[dict[str, Any]]) -> ResponseReturnValue:
    page, size = int(request.args.get("page", 1)), int(request.args.get("per_page", 25))
    total = max(1, -(-len(items) // size))
    return jsonify(data=items[(page - 1) * size : page * size], meta={"page": page, "total_pages": total})


class _Silent(WSGIRequestHandler):
    def log(self, _type: str, _message: str, *_args: object) -> None:
        """Nothing: tests read what happened from the cloud itself."""


@contextmanager
def running_vendor_cloud() -> Iterator[VendorCloud]:
    """A cloud for as long as the block lasts."""
    cloud = VendorCloud()
    with serving(cloud.app(), handler=_Silent) as cloud.url:
        yield cloud
