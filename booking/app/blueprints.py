"""Every page of the house, in one list."""

from flask import Blueprint

from booking.app import health
from booking.app.services import Services
from booking.availability import pages as availability
from booking.counter import (
    bill_pages,
    counter_pages,
    group_pages,
    invoice_pages,
    pay_out_pages,
    proxy_pages,
    slip_pages,
)
from booking.fees import my_pages as my_relief
from booking.fees import relief_pages as manage_relief
from booking.fees import table_pages as fee_tables
from booking.fleet import alarm_pages as lock_alarms
from booking.fleet import fleet_pages as lock_fleet
from booking.fleet import install_pages as lock_install
from booking.fleet import life_pages as lock_life
from booking.fleet import quarantine_pages as lock_quarantine
from booking.money_desk import book_pages as money_books
from booking.money_desk import case_pages as money_cases
from booking.money_desk import desk_pages as money_desk
from booking.money_desk import export_pages as money_exports
from booking.money_desk import payment_pages as money_payments
from booking.notices import demo_pages as demo
from booking.notices import manage_pages as manage_notices
from booking.papers import manage_pages as manage_papers
from booking.papers import pages as papers
from booking.people import pages as people
from booking.places import manage_pages as manage_places
from booking.places import pages as places
from booking.refunding import alert_pages as refund_alerts
from booking.refunding import batch_pages as refund_batches
from booking.refunding import policy_pages as refund_policies
from booking.refunding import refund_pages as refund_list
from booking.reservations import book_pages as book
from booking.reservations import code_pages as codes
from booking.reservations import manage_pages as manage_reservations
from booking.reservations import pages as reservations
from booking.reservations import staff_cancel_pages as staff_cancel
from booking.reservations import standing_api
from booking.shelter import manage_pages as manage_shelter
from booking.staff_keys import hold_open_pages as hold_open
from booking.staff_keys import manage_pages as manage_staff_codes
from booking.staff_keys import my_pages as my_staff_codes
from booking.utilisation import manage_pages as manage_utilisation
from core.settings import Settings
from locks import sync_endpoint
from payments import webhook

PAGES: tuple[Blueprint, ...] = (
    health.pages,
    places.pages,
    availability.pages,
    book.pages,
    reservations.pages,
    codes.pages,
    standing_api.pages,
    papers.pages,
    my_relief.pages,
    people.pages,
    manage_reservations.pages,
    staff_cancel.pages,
    manage_utilisation.pages,
    money_desk.pages,
    money_books.pages,
    money_exports.pages,
    money_cases.pages,
    money_payments.pages,
    manage_places.pages,
    manage_papers.pages,
    manage_relief.pages,
    fee_tables.pages,
    manage_notices.pages,
    refund_list.pages,
    refund_batches.pages,
    refund_alerts.pages,
    refund_policies.pages,
    manage_staff_codes.pages,
    manage_shelter.pages,
    my_staff_codes.pages,
    hold_open.pages,
    lock_fleet.pages,
    lock_alarms.pages,
    lock_quarantine.pages,
    lock_life.pages,
    lock_install.pages,
    bill_pages.pages,
    counter_pages.pages,
    slip_pages.pages,
    pay_out_pages.pages,
    group_pages.pages,
    invoice_pages.pages,
    proxy_pages.pages,
)
"""Residents' pages, then managers'."""


def pages_of(settings: Settings) -> tuple[Blueprint, ...]:
    """The pages that exist under these settings."""
    return (*PAGES, demo.pages) if settings.demo_mail_dir is not None else PAGES


def machines(services: Services) -> list[tuple[Blueprint, str]]:
    """The blueprints of `payments` and `locks`, each with the name of the guard it brings itself."""
    secret = services.settings.stripe_webhook_secret.get_secret_value()
    hook = webhook.blueprint(
        services.database,
        services.stripe,
        services.payment_callbacks,
        services.clock,
        # An empty secret is one that everybody knows: without one, nothing is believed.
        secrets=[secret] if secret else [],
        municipality_id=lambda: services.municipality_id,
    )
    sync = sync_endpoint.blueprint(
        services.database, services.keyring, services.lock_callbacks, services.clock
    )
    return [(hook, "stripe_signature"), (sync, "lock_signature")]
