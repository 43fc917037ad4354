"""docs/stripe-sandbox.md names every control call, fault, setting and card, and nothing that is not there."""

import re
from dataclasses import fields

from payments.sandbox import faults
from payments.sandbox.account import AccountSettings
from payments.sandbox.cards import CARDS
from payments.sandbox.world import ENDPOINT_EVENTS
from tests.servers.processes import ROOT
from tests.unit.sandbox.account import Account

TEXT = (ROOT / "docs" / "stripe-sandbox.md").read_text(encoding="utf-8")


def _table(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_control_call_is_in_the_document(account: Account) -> None:
    calls = {
        f"{method} {rule.rule}"
        for rule in account.client.application.url_map.iter_rules()
        if rule.rule.startswith("/_sandbox")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(re.findall(r"`((?:GET|POST|DELETE) /_sandbox/[a-z/]+)`", TEXT)) == calls


def test_every_fault_and_setting_is_in_the_document() -> None:
    listed = set(re.findall(r"`([a-z_0-9]+)`", _table("Faults")))
    assert set(faults.KINDS) <= listed
    settings = {field.name for field in fields(AccountSettings)}
    assert settings <= set(re.findall(r"`([a-z_]+)`", _table("Control")))


def test_the_endpoint_of_the_real_account_gets_what_the_sandbox_sends() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = operations.partition("## Stripe's side\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+\.[a-z_.]+)`", section)) == ENDPOINT_EVENTS


def test_every_card_in_the_document_is_a_test_card() -> None:
    numbers = {number.replace(" ", "") for number in re.findall(r"(?:\d{4} ){3}\d{4}", _table("Test cards"))}
    endings = set(re.findall(r"…(\d{4})", _table("Test cards")))
    assert numbers <= set(CARDS)
    assert {number[-4:] for number in CARDS} == {number[-4:] for number in numbers} | endings
