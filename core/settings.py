"""Settings, read once from the environment (`KAIHO_*`) at the front door and passed in from there."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _hex_of_32_bytes(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", key.get_secret_value()):
        raise ValueError("not 64 hex digits")
    return key


class Settings(BaseSettings):
    """Everything an operator can set; `docs/settings.md` explains each for people."""

    model_config = SettingsConfigDict(
        env_prefix="KAIHO_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    database_url: str = "sqlite:///var/kaiho.sqlite3"
    municipality_code: str = "312029"
    base_url: str = "http://127.0.0.1:8000"
    secret_key: Annotated[SecretStr, Field(min_length=16)]
    """Signs cookies and CSRF tokens."""
    master_key: Annotated[SecretStr, AfterValidator(_hex_of_32_bytes)]
    """64 hex digits; wraps lock secrets at rest (AES-256-GCM)."""

    stripe_secret_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    stripe_api_base: str | None = None
    stripe_checkout_host: str = "https://checkout.stripe.com"
    """Where the hosted card page lives; the content policy lets forms go there."""

    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 8883
    mqtt_tls_ca: Path | None = None
    mqtt_username: str = "gateway-1"
    mqtt_password: SecretStr = SecretStr("")
    broker_dir: Path = Path("var/broker")
    """Where the broker's password and ACL files are written."""

    vendors: dict[str, dict[str, SecretStr]] = {}
    """Accounts at makers of other locks, as JSON: {vendor: {"url": …, …}}; see docs/vendors.md."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    mail_from: str = "kaiho@localhost"

    cookie_secure: bool = True
    proxy_hops: int = 0
    """How many proxies of our own stand before the pages; so many `X-Forwarded-*` values are believed."""
    demo_mail_dir: Path | None = None
    """Where a demo keeps the mails it caught; the page that shows them exists only when this is set."""
    demo_keypad_url: str | None = None
    """Where the demo's simulated doors can be seen; linked from pages only when set."""


def vendor_accounts(settings: Settings) -> dict[str, dict[str, str]]:
    """The accounts at makers of other locks, in clear."""
    return {
        vendor: {name: value.get_secret_value() for name, value in account.items()}
        for vendor, account in settings.vendors.items()
    }


def inherited_environment() -> dict[str, str]:
    """This process's environment, for the children it starts."""
    return dict(os.environ)
