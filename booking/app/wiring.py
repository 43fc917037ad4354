"""Builds the collaborators from settings; only here is chosen what `payments` and `locks` call back."""

from datetime import timedelta

from booking.app.services import Services
from booking.notices import lock_alarms
from booking.notices.sender import Mailer
from booking.reservations import door, money
from core.clock import SystemClock
from core.database import Database
from core.secrets import Keyring
from core.settings import Settings
from locks.broker_client import MqttSettings
from locks.callbacks import Callbacks as LockCallbacks
from locks.gateway import Gateway
from locks.keys import give_keyring
from locks.publications import LEASE
from payments.callbacks import Callbacks as PaymentCallbacks
from payments.stripe_port import StripePort

PAYMENT_CALLBACKS = PaymentCallbacks(
    payment_settled=money.payment_settled,
    attempts_closed=money.attempts_closed,
    refund_changed=money.refund_changed,
    payment_processing=money.payment_processing,
)
LOCK_CALLBACKS = LockCallbacks(
    sellable_windows=door.sellable_windows,
    access_opened=door.access_opened,
    lock_state_changed=door.lock_state_changed,
    alarm_began=lock_alarms.alarm_began,
    codes_changed=door.codes_changed,
    start_unreached=door.start_unreached,
)


def build_services(settings: Settings) -> Services:
    """Everything an edge needs, on the system's clock."""
    database = Database(settings.database_url)
    keyring = Keyring.of_hex(settings.master_key.get_secret_value())
    give_keyring(database, keyring)
    return Services(
        settings=settings,
        database=database,
        keyring=keyring,
        clock=SystemClock(),
        stripe=StripePort(settings.stripe_secret_key.get_secret_value(), settings.stripe_api_base),
        payment_callbacks=PAYMENT_CALLBACKS,
        lock_callbacks=LOCK_CALLBACKS,
    )


def build_gateway(services: Services, *, lease: timedelta = LEASE) -> Gateway:
    """What speaks with the locks; `lease` as `Gateway` has it."""
    settings = services.settings
    broker = MqttSettings(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        username=settings.mqtt_username,
        password=settings.mqtt_password,
        tls_ca=settings.mqtt_tls_ca,
    )
    return Gateway(
        services.database, services.keyring, services.lock_callbacks, services.clock, broker, lease=lease
    )


def build_mailer(settings: Settings) -> Mailer:
    """What sends owed mails."""
    return Mailer.of(settings)
