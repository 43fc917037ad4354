"""What the counter asks money for: a held reservation or an invoice, as something to pay."""

from sqlalchemy.orm import Session

from booking.places.catalogue import catalogue
from booking.reservations.models import Reservation
from core.clock import TOKYO, civil_day
from core.errors import Refused
from payments.checkout import Item
from payments.invoice_models import Invoice
from payments.ledger import Account


class AmountChanged(Refused):
    """The sum on the form is not what is owed (any more)."""

    code = "amount_changed"
    sentence = "金額が変わっています。表示された金額を確かめて、もう一度受け取ってください。"


def item_of_reservation(session: Session, reservation: Reservation) -> Item:
    """A reservation's fee."""
    places = catalogue(session, reservation.municipality_id)
    offering = places.offering(reservation.offering_id)
    day = civil_day(reservation.starts_at)
    place = f"{places.facility_name(offering.facility_id, on=day)} {offering.space_name} {offering.name}"
    begin = reservation.starts_at.astimezone(TOKYO)
    label = f"{place} {begin.year}年{begin.month}月{begin.day}日 {begin:%H:%M}"
    return Item(reservation.id, label, reservation.amount_yen)


def item_of_invoice(invoice: Invoice) -> Item:
    """An invoice's sum; its money is booked against what the payer owes."""
    label = f"使用料 {invoice.month.year}年{invoice.month.month}月分(後納)"
    return Item(invoice.id, label, invoice.amount_yen, Account.RECEIVABLES)


def require_amount(item: Item, amount_yen: int) -> None:
    """Refuse any other sum than the one owed.

    Raises:
        AmountChanged: it is another.
    """
    if amount_yen != item.amount_yen:
        raise AmountChanged(f"{amount_yen} yen for {item.amount_yen}")
