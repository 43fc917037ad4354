"""The canary of the journey finds a planted leak wherever a code may never stand."""

import urllib.request
from urllib.parse import urlencode

from booking.demo.town import Town
from tests.browser.journey.canary import Canary

CODE = "31415926"


def test_a_code_in_a_log_is_found(town: Town, canary: Canary) -> None:
    canary.shown(CODE)
    assert canary.leaks() == []
    planted = town.log_folder / "planted.log"
    planted.write_text("code_shown code=31415926\n")
    found = canary.leaks()
    planted.unlink()
    assert found == [f"log planted.log: {CODE}"]


def test_a_code_in_a_mail_is_found_through_its_encoding(town: Town, canary: Canary) -> None:
    canary.shown(CODE)
    town.mail_folder.mkdir(exist_ok=True)
    planted = town.mail_folder / "planted.eml"
    # "暗証番号 ３１４１ ５９２６" in base64, as mail programs send Japanese.
    planted.write_bytes(
        b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"5pqX6Ki855Wq5Y+3IO+8k++8ke+8lO+8kSDvvJXvvJnvvJLvvJY=\r\n"
    )
    found = canary.leaks()
    planted.unlink()
    assert found == [f"mail planted.eml: {CODE}"]


def test_a_code_in_an_address_is_found(canary: Canary) -> None:
    canary.shown(CODE)
    canary.seen("http://127.0.0.1/reservations?code=3141%205926")
    assert canary.leaks() == [f"address: {CODE}"]


def test_a_code_told_to_stripe_is_found(town: Town, canary: Canary) -> None:
    told = "27182818"
    canary.shown(told)
    assert canary.leaks() == []
    session = {
        "mode": "payment",
        "success_url": "http://127.0.0.1/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "jpy",
        "line_items[0][price_data][unit_amount]": "300",
        "line_items[0][price_data][product_data][name]": "x",
        "metadata[note]": told,
    }
    wanted = urllib.request.Request(
        f"{town.at.stripe_url}/v1/checkout/sessions",
        data=urlencode(session).encode(),
        headers={"Authorization": f"Bearer {town.environment['KAIHO_STRIPE_SECRET_KEY']}"},
    )
    urllib.request.urlopen(wanted, timeout=10).close()
    found = canary.leaks()
    assert found
    assert all(leak.startswith("Stripe ") for leak in found)
