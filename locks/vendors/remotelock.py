"""Locks of RemoteLOCK: Wi-Fi locks on batteries that fetch their PINs at a heartbeat or at the keypad.

Written from the vendor's published API description (access persons, accesses, devices, events; version 1);
tests run it against a double of that description, and it has not met the service itself.

Settings of the account: `url` of the API, `oauth_url`, `client_id`, `client_secret` (grant type
`client_credentials`), `time_zone` of the locks, in which the API wants instants (default Asia/Tokyo).
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from core.database import require_no_transaction
from core.errors import RejectedOutside, Unavailable
from locks.vendors.port import PinOrder, PinStanding, VendorEvent, VendorStatus

_TIMEOUT_S = (3, 10)
_PAGE = 50
_MOST_PAGES = 40
_ACCEPT = "application/vnd.lockstate+json; version=1"
_BATTERY_FULL = 100


def connect(account: Mapping[str, str]) -> "RemoteLock":
    """The account that the settings describe."""
    return RemoteLock(account)


class RemoteLock:
    """One account. A PIN is an access guest named after its order, with an access to one lock."""

    def __init__(self, account: Mapping[str, str]) -> None:
        self._account = dict(account)
        self._url = account["url"].rstrip("/")
        self._zone = ZoneInfo(account.get("time_zone", "Asia/Tokyo"))
        self._token: str | None = None
        self._renewing = threading.Lock()

    def put(self, order: PinOrder) -> str:
        """Make the guest and give it the lock; each only if it is not there yet."""
        guest = self._guest_called(order.key) if order.may_exist else None
        if guest is None:
            guest = self._call("POST", "/access_persons", json=self._guest(order))["data"]
        person = str(guest["id"])
        if not self._accesses(person, order.lock_ref):
            access = {"attributes": {"accessible_id": order.lock_ref, "accessible_type": "lock"}}
            self._call("POST", f"/access_persons/{person}/accesses", json=access)
        return person

    def take_back(self, *, lock_ref: str, key: str, pin_ref: str | None) -> str | None:
        """Deactivate the guest: the API keeps it readable, so that the lock's state can still be asked."""
        del lock_ref
        person = pin_ref
        if person is None:
            # Also one that is deactivated already: the answer to that may have been lost too.
            guest = self._guest_called(key, "deactivated")
            if guest is None:
                return None
            person = str(guest["id"])
        found = self._call("PUT", f"/access_persons/{person}/deactivate", absent_is_fine=True)
        return person if found else None

    def standings(self, *, lock_ref: str, pin_refs: Sequence[str]) -> Mapping[str, PinStanding]:
        """By the counters of the guest's access: the device that still waits to sync holds what it held."""
        return {
            person: _standing(accesses)
            for person in pin_refs
            if (accesses := self._accesses(person, lock_ref)) is not None
        }

    def status(self, *, lock_ref: str) -> VendorStatus:
        """The device as the cloud last heard it."""
        device = self._call("GET", f"/devices/{lock_ref}")["data"]["attributes"]
        interval = device.get("heartbeat_interval")
        level = device.get("power_level")
        return VendorStatus(
            heard_at=_instant(device.get("connected_at")),
            speaks_every_s=int(interval) if isinstance(interval, int) and interval > 0 else None,
            battery_percent=min(int(level), _BATTERY_FULL) if isinstance(level, int) else None,
            is_jammed=device.get("state") == "jammed",
        )

    def events(self, *, lock_ref: str, after: str | None) -> tuple[list[VendorEvent], str | None]:
        """The account's record from its newest page back to the cursor, of this lock only."""
        found: list[VendorEvent] = []
        newest: str | None = None
        for item in self._pages("/events", {"sort": "-created_at"}):
            cursor = f"{item['attributes']['created_at']} {item['id']}"
            # What is older than the cursor was read, also where the cursor's own entry is gone.
            if after is not None and (cursor == after or cursor.split()[0] < after.split()[0]):
                break
            newest = newest or cursor
            event = _event(item, lock_ref)
            if event is not None:
                found.append(event)
        return found[::-1], newest or after

    def _guest(self, order: PinOrder) -> dict[str, Any]:
        return {
            "type": "access_guest",
            "attributes": {
                "name": order.key,
                "pin": order.digits,
                "starts_at": self._local(order.opens_from),
                "ends_at": self._local(order.opens_until),
            },
        }

    def _local(self, instant: datetime) -> str:
        return instant.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M:%S")

    def _guest_called(self, name: str, *statuses: str) -> dict[str, Any] | None:
        query: dict[str, str | Sequence[str]] = {
            "type": "access_guest",
            "sort": "-created_at",
            "attributes[status][]": ["current", "upcoming", *statuses],
        }
        for guest in self._pages("/access_persons", query):
            if guest["attributes"].get("name") == name:
                return guest
        return None

    def _pages(self, path: str, query: Mapping[str, str | Sequence[str]]) -> Iterator[dict[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            answer = self._call("GET", path, params={**query, "page": str(page), "per_page": str(_PAGE)})
            yield from answer["data"]
            if page >= int(answer.get("meta", {}).get("total_pages", 1)):
                return

    def _accesses(self, person: str, lock_ref: str) -> list[dict[str, Any]] | None:
        """The person's accesses to this lock; None where the cloud knows no such person."""
        answer = self._call("GET", f"/access_persons/{person}/accesses", absent_is_fine=True)
        if not answer:
            return None
        return [
            item["attributes"]
            for item in answer["data"]
            if item["attributes"].get("accessible_id") == lock_ref
        ]

    def _call(self, method: str, path: str, *, absent_is_fine: bool = False, **parts: Any) -> dict[str, Any]:
        answer = self._sent(method, path, token=self._authorised(), **parts)
        if answer.status_code == 401:
            answer = self._sent(method, path, token=self._authorised(renew=True), **parts)
        if answer.status_code == 404 and absent_is_fine:
            return {}
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(f"remotelock {answer.status_code}")
        if not answer.ok:
            # Never its body: it may repeat what it was sent, and that holds a PIN.
            raise RejectedOutside(f"remotelock {answer.status_code}")
        if answer.status_code == 204:
            return {"data": None}
        try:
            body: dict[str, Any] = answer.json()
        except ValueError:
            raise Unavailable("remotelock: no JSON") from None
        return body

    def _sent(self, method: str, path: str, *, token: str, **parts: Any) -> requests.Response:
        require_no_transaction("remotelock")
        headers = {"Authorization": f"Bearer {token}", "Accept": _ACCEPT}
        try:
            return requests.request(
                method, self._url + path, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False, **parts
            )
        except requests.RequestException:
            # Not chained: its text may hold what was sent.
            raise Unavailable("remotelock does not answer") from None

    def _authorised(self, *, renew: bool = False) -> str:
        with self._renewing:
            if self._token is None or renew:
                self._token = self._fresh_token()
            return self._token

    def _fresh_token(self) -> str:
        require_no_transaction("remotelock")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account["client_id"],
            "client_secret": self._account["client_secret"],
        }
        try:
            answer = requests.post(
                self._account["oauth_url"], data=form, timeout=_TIMEOUT_S, allow_redirects=False
            )
            token = answer.json().get("access_token") if answer.ok else None
        except (requests.RequestException, ValueError):
            raise Unavailable("remotelock does not answer") from None
        if not isinstance(token, str):
            raise RejectedOutside(f"remotelock gives no token: {answer.status_code}")
        return token


def _standing(accesses: Sequence[Mapping[str, Any]]) -> PinStanding:
    if not accesses:
        return PinStanding.ABSENT
    counts = accesses[0]
    if counts.get("devices_failed_sync_count"):
        return PinStanding.REFUSED
    if counts.get("devices_pending_sync_count"):
        return PinStanding.WAITING
    return PinStanding.ON_THE_LOCK if counts.get("devices_synced_count") else PinStanding.ABSENT


def _event(item: Mapping[str, Any], lock_ref: str) -> VendorEvent | None:
    told = item["attributes"]
    at = _instant(told.get("occurred_at"))
    if told.get("publisher_id") != lock_ref or at is None:
        return None
    kind = item["type"]
    person = (
        told.get("associated_resource_id") if told.get("associated_resource_type") == "access_guest" else None
    )
    if kind == "unlocked_event" and told.get("status") == "succeeded":
        source = "keypad" if told.get("method") == "pin" else "remote"
        return VendorEvent(at, "lock_operation", {"operation": "unlock", "source": source}, person)
    if kind == "locked_event" and told.get("status") == "succeeded":
        return VendorEvent(at, "lock_operation", {"operation": "lock", "source": "auto"}, None)
    if kind == "access_denied_event":
        return VendorEvent(at, "lock_operation_error", {"error": "invalid_credential", "count": 1}, None)
    if kind == "jammed_event":
        return VendorEvent(at, "door_lock_alarm", {"alarm": "lock_jammed"}, None)
    return None


def _instant(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
