"""What the skin and the workers are given: one value, built once where the program starts."""

from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from flask import current_app

from booking.places.models import Municipality
from core.clock import Clock
from core.database import Database
from core.errors import Unavailable
from core.secrets import Keyring
from core.settings import Settings
from locks.callbacks import Callbacks as LockCallbacks
from payments.callbacks import Callbacks as PaymentCallbacks
from payments.remote import StripeApi

EXTENSION = "kaiho"


class NotSetUp(Unavailable):
    """The database holds no such municipality yet."""

    code = "not_set_up"
    sentence = "準備中です。しばらくしてからもう一度お試しください。"


@dataclass(frozen=True)
class Services:
    """The collaborators of every edge. Tests build it with a clock and a database of their own."""

    settings: Settings
    database: Database
    keyring: Keyring
    clock: Clock
    stripe: StripeApi
    payment_callbacks: PaymentCallbacks
    lock_callbacks: LockCallbacks

    @cached_property
    def municipality_id(self) -> int:
        """The municipality of this deployment, by its code in the settings; read once.

        Raises:
            NotSetUp: it is not in the database yet.
        """
        with self.database.reading() as session:
            found = session.scalar(
                sa.select(Municipality.id).where(Municipality.code == self.settings.municipality_code)
            )
        if found is None:
            raise NotSetUp(self.settings.municipality_code)
        return found


def current_services() -> Services:
    """The services of the application that answers the present request."""
    services = current_app.extensions[EXTENSION]
    assert isinstance(services, Services)
    return services
