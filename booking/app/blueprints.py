"""Every page of the house, in one list."""

from flask import Blueprint

from booking.app import health
from booking.app.services import Services
from booking.availability import pages as availability
from booking.notices import demo_pages as demo
from booking.people import pages as people
from booking.places import pages as places
from booking.reservations import book_pages as book
from booking.reservations import code_pages as codes
from booking.reservations import pages as reservations
from core.settings import Settings
from payments import webhook

PAGES: tuple[Blueprint, ...] = (
    health.pages,
    places.pages,
    availability.pages,
    book.pages,
    reservations.pages,
    codes.pages,
    people.pages,
)
"""Residents' pages, then managers'. A package's `manage_pages.py` exports `pages` and is listed here."""


def pages_of(settings: Settings) -> tuple[Blueprint, ...]:
    """The pages that exist under these settings."""
    return (*PAGES, demo.pages) if settings.demo_mail_dir is not None else PAGES


def machines(services: Services) -> list[tuple[Blueprint, str]]:
    """The blueprints of `payments` and `locks`, each with the name of the guard it brings itself."""
    hook = webhook.blueprint(
        services.database,
        services.stripe,
        services.payment_callbacks,
        services.clock,
        secrets=[services.settings.stripe_webhook_secret.get_secret_value()],
    )
    return [(hook, "stripe_signature")]
