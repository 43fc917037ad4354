"""The first print is the original, later ones say so, a second tap is none; and to whom a paper goes."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.papers.addressee import AddresseeFixed, change_addressee
from booking.papers.kinds import Kind
from booking.papers.models import Paper, PaperPrint
from booking.papers.printing import SAME_PRINT_WITHIN, Print, hand_out
from booking.people.models import Role
from booking.people.signed_in import Actor
from core.audit import AuditEntry
from core.database import retrying
from core.errors import BadInput, NotThere
from payments import refunds
from tests.integration.pages.conftest import Site
from tests.integration.papers.conftest import issued, paid

LATER = SAME_PRINT_WITHIN + timedelta(seconds=1)


def printed(site: Site, paper: Paper, actor: Actor | None = None) -> Print:
    with site.town.database.transaction() as session:
        who = actor or site.town.actor(session=session)
        return hand_out(session, actor=who, paper_id=paper.id, now=site.clock.now())


def address(site: Site, paper: Paper, text: str, actor: Actor | None = None) -> str:
    with site.town.database.transaction() as session:
        who = actor or site.town.actor(session=session)
        return change_addressee(
            session, actor=who, paper_id=paper.id, text=text, now=site.clock.now()
        ).addressee


def receipt(site: Site) -> Paper:
    return issued(site, Kind.RECEIPT, paid(site)[1])


def test_the_first_print_is_the_original_and_later_ones_count(site: Site) -> None:
    paper = receipt(site)
    numbers = []
    for _ in range(3):
        numbers.append(printed(site, paper).print_number)
        site.clock.instant += LATER
    assert numbers == [1, 2, 3]


def test_a_second_tap_is_the_same_print_but_another_persons_is_not(site: Site) -> None:
    paper = receipt(site)
    assert [printed(site, paper).print_number for _ in range(3)] == [1, 1, 1]
    staff = site.town.actor(role=Role.MANAGER)
    assert printed(site, paper, staff).print_number == 2
    assert printed(site, paper).print_number == 3
    with site.town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PaperPrint)) == 3


def test_a_void_paper_says_so_and_is_another_print(site: Site) -> None:
    reservation_id, payment_id = paid(site)
    paper = issued(site, Kind.RECEIPT, payment_id)
    assert printed(site, paper).voided_at is None
    site.clock.instant += timedelta(seconds=5)
    with site.town.database.transaction() as session:
        refunds.owe(
            session, reference=reservation_id, amount_yen=600, cause="cancelled", now=site.clock.now()
        )
    again = printed(site, paper)
    assert (again.print_number, again.voided_at) == (2, site.clock.now())
    assert again.number == "領2026-000001"
    with site.town.database.reading() as session:
        assert session.get_one(Paper, paper.id).voided_at == site.clock.now()


def test_the_addressee_changes_once_and_the_next_print_is_a_reissue(site: Site) -> None:
    paper = receipt(site)
    assert printed(site, paper).addressee == "見本団体01"
    site.clock.instant += timedelta(seconds=5)
    assert address(site, paper, " 髙﨑𠮷　商店 ") == "髙﨑𠮷　商店"
    again = printed(site, paper)
    assert (again.addressee, again.print_number) == ("髙﨑𠮷　商店", 2)
    assert again.content["addressee"] == "見本団体01"
    with pytest.raises(AddresseeFixed):
        address(site, paper, "第三の名前")
    assert address(site, paper, "髙﨑𠮷　商店") == "髙﨑𠮷　商店"


def test_changed_before_the_first_print_it_is_the_original(site: Site) -> None:
    paper = receipt(site)
    address(site, paper, "見本商店")
    first = printed(site, paper)
    assert (first.addressee, first.print_number) == ("見本商店", 1)


def test_the_change_is_on_record_without_names(site: Site) -> None:
    paper = receipt(site)
    address(site, paper, "見本商店")
    with site.town.database.reading() as session:
        (entry,) = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "paper.addressee"))
    assert entry.subject == str(paper.id)
    assert entry.actor == str(site.town.resident)
    assert "見本" not in str(entry.detail)


@pytest.mark.parametrize("text", ["", " 　", "あ" * 81, "一行目\n二行目", "見本\u202e団体", "見本\x07"])
def test_an_addressee_is_one_printable_line_of_eighty(small_site: Site, text: str) -> None:
    paper = receipt(small_site)
    with pytest.raises(BadInput):
        address(small_site, paper, text)
    assert address(small_site, paper, "あ" * 80) == "あ" * 80


def test_only_the_owner_changes_it_and_nobody_changes_a_permit(small_site: Site) -> None:
    reservation_id, payment_id = paid(small_site)
    paper = issued(small_site, Kind.RECEIPT, payment_id)
    for actor in (small_site.town.actor(role=Role.MANAGER), small_site.town.actor(small_site.town.youth)):
        with pytest.raises(NotThere):
            address(small_site, paper, "見本商店", actor)
    with pytest.raises(NotThere):
        address(small_site, issued(small_site, Kind.PERMIT, reservation_id), "見本商店")


def test_another_groups_paper_cannot_be_printed(small_site: Site) -> None:
    paper = receipt(small_site)
    stranger = small_site.town.actor(small_site.town.youth)
    for paper_id, actor in ((paper.id, stranger), (UUID(int=1), small_site.town.actor())):
        with small_site.town.database.transaction() as session, pytest.raises(NotThere):
            hand_out(session, actor=actor, paper_id=paper_id, now=small_site.clock.now())


def test_two_who_print_at_once_have_two_prints_and_one_original(site: Site) -> None:
    paper = receipt(site)
    found: list[int] = []

    def take(actor: Actor) -> None:
        found.append(retrying(lambda: printed(site, paper, actor).print_number))

    threads = [
        threading.Thread(target=take, args=(actor,))
        for actor in (site.town.actor(), site.town.actor(role=Role.MANAGER))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(found) == [1, 2]
