"""Every page of the house, in one list."""

from flask import Blueprint

from booking.app import health
from booking.app.services import Services
from booking.people import pages as people

PAGES: tuple[Blueprint, ...] = (
    health.pages,
    people.pages,
)
"""Residents' pages, then managers'. A package's `manage_pages.py` exports `pages` and is listed here."""


def machines(_services: Services) -> list[tuple[Blueprint, str]]:
    """The blueprints of `payments` and `locks`, each with the name of the guard it brings itself."""
    return []
