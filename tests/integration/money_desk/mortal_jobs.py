"""Jobs of the worker at the money desk, as `payments/dying.py` runs and kills them."""

from booking.counter import monthly
from booking.money_desk.nightly import run_night
from booking.notices import case_mails, sender
from booking.notices.sender import Mailer
from booking.notices.smtp import SmtpTransport
from tests.integration.payments.dying import Outside

MAIL_FROM = "kaiho@town.example"


def issue_invoices(given: Outside, _about: object) -> object:
    """The first of a month: what is to be invoiced, then what is overdue."""
    return monthly.run(given.database, given.clock)


def audit_the_night(given: Outside, municipality_id: object) -> object:
    """Every invariant, and a case for each that does not hold."""
    assert isinstance(municipality_id, int)
    return run_night(given.database, given.clock, municipality_id=municipality_id)


def mail_the_cases(given: Outside, smtp_port: object) -> object:
    """Owe the mails about new cases, then send them."""
    assert isinstance(smtp_port, int)
    with given.database.transaction() as session:
        case_mails.tell_due(session, now=given.clock.now())
    transport = given.watched(SmtpTransport("127.0.0.1", smtp_port))
    return sender.send_due(given.database, Mailer(transport, MAIL_FROM, "https://town.example"), given.clock)
