"""The simulated doors, as their keypad page offers them to a program."""

from typing import Any

import requests


class Keypads:
    """All doors of one simulator process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False

    def all(self) -> list[dict[str, Any]]:
        """Every door's state."""
        found: list[dict[str, Any]] = self._get("/doors")["doors"]
        return found

    def door(self, lock: str) -> dict[str, Any]:
        """One door's state: `bolt`, `applied`, `battery_mv`, `display`, …"""
        return self._get(f"/doors/{lock}")

    def type(self, lock: str, code: str) -> dict[str, Any]:
        """Type a code and 確定; answers once the lock has decided: `opened`, `outcome`, `offline`."""
        return self._post(f"/doors/{lock}/keys", {"keys": f"{code}#"})

    def radio(self, lock: str, *, up: bool) -> None:
        """Cut or mend a lock's network."""
        self._post(f"/doors/{lock}/network", {"up": up})

    def sync(self, lock: str) -> None:
        """Let a lock speak to the server now."""
        self._post(f"/doors/{lock}/sync", {})

    def turn_thumb(self, lock: str) -> None:
        """Somebody inside turns the bolt open by hand, and back again."""
        for unlocked in (True, False):
            self._post(f"/doors/{lock}/bolt", {"unlocked": unlocked})

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._http.get(self._url + path, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(self._url + path, json=body, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
