"""The Stripe sandbox as its own process on loopback."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.servers.processes import Process, Processes

SECRET_KEY = "sk_test_kaiho"
WEBHOOK_SECRET = "whsec_kaiho"


@dataclass(frozen=True, slots=True)
class StripeSandbox:
    """A running sandbox; `url` is the API base, and where its card pages are."""

    url: str
    secret_key: str
    webhook_secret: str
    state: Path
    process: Process

    def asks(self, path: str, **wanted: object) -> dict[str, Any]:
        """Let fate act: `asks("/disputes/decide", dispute=..., outcome="won")`; docs/stripe-sandbox.md.

        Raises:
            requests.HTTPError: it cannot be in this state.
        """
        answer = requests.post(f"{self.url}/_sandbox{path}", json=wanted, timeout=20)
        answer.raise_for_status()
        return dict(answer.json())

    def books(self) -> dict[str, list[dict[str, Any]]]:
        """Every object by kind, oldest first: what ours are compared with."""
        told = requests.get(f"{self.url}/_sandbox/state", timeout=60).json()
        return dict(told["objects"])


def start_stripe_sandbox(
    processes: Processes, state: Path, *, webhook_url: str | None = None, listen: str = "127.0.0.1:0"
) -> StripeSandbox:
    """Start a sandbox that keeps its objects in `state` and reports to `webhook_url`.

    With the `listen` and `state` of an earlier one it goes on where that one was killed.
    """
    arguments = ["--listen", listen, "--state", str(state), "--secret-key", SECRET_KEY]
    if webhook_url is not None:
        arguments += ["--webhook", webhook_url, "--webhook-secret", WEBHOOK_SECRET]
    process = processes.python("-m", "payments.sandbox", *arguments)
    url = json.loads(process.wait_for_line(r'^\{.*"url".*\}$').group())["url"]
    return StripeSandbox(url.rstrip("/"), SECRET_KEY, WEBHOOK_SECRET, state, process)
