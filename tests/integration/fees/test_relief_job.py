"""The worker's job: overdue applications become cases, grants reach what was being paid when they came."""

from datetime import timedelta

import sqlalchemy as sa

from booking.app.wiring import build_mailer
from booking.app.worker import Worker
from payments.case_models import Case
from tests.integration.fees.asking import EVENING, ask, granted, owed
from tests.integration.pages.conftest import Site


def test_the_job_lists_what_is_overdue_and_finishes_what_a_payment_held_up(site: Site) -> None:
    town = site.town
    _, job = Worker(site.services, build_mailer(site.services.settings)).jobs()["relief"]
    held = town.held(wanted=EVENING)
    payment = town.start_payment(held)
    granted(town)
    assert job() == 0
    town.settle(payment, held)
    assert (job(), job()) == (1, 0)
    assert [amount for amount, _ in owed(town)] == [600]
    waiting = ask(town, key="another key of the group")
    site.clock.instant += timedelta(days=7)
    assert (job(), job()) == (1, 0)
    with town.database.reading() as session:
        assert list(session.scalars(sa.select(Case.subject))) == [str(waiting)]
