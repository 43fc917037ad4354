"""An application for relief: made once, decided once, in time or listed as overdue."""

import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.fees import late_relief, relief
from booking.fees.payer import Relief, Scope
from booking.fees.relief_models import ReliefApplication, ReliefDocument
from booking.fees.relief_states import AlreadyDecided, OwnGroup, TooManyApplications
from booking.people.models import Member
from core.audit import AuditEntry
from core.database import retrying
from core.errors import BadInput, KaihoError, NotThere
from core.owed import Owed
from payments.case_models import Case
from tests.integration.booking.town import DAY, NOW, Town, account
from tests.integration.fees.asking import FULL, HALF, REFUSAL, ask, decide, granted, wanted


def test_nobody_decides_for_a_group_of_their_own(town: Town) -> None:
    application = ask(town)
    with town.database.reading() as session:
        member = town.actor(town.general, session=session)
    own = replace(town.staff, groups=member.groups)
    for decision in (FULL, REFUSAL):
        with pytest.raises(OwnGroup), town.database.transaction() as session:
            relief.decide(session, actor=own, application_id=application, decision=decision, now=NOW)
    assert application_of(town, application).state == "asked"
    assert decide(town, application, FULL) == "granted"


def application_of(town: Town, application_id: UUID) -> ReliefApplication:
    with town.database.reading() as session:
        found = session.get_one(ReliefApplication, application_id)
        session.expunge(found)
        return found


def mails(town: Town, template: str) -> list[dict[str, object]]:
    with town.database.reading() as session:
        rows = session.scalars(sa.select(Owed).order_by(Owed.id)).all()
        return [row.payload["params"] for row in rows if row.payload.get("template") == template]


def acts(town: Town) -> list[str]:
    with town.database.reading() as session:
        statement = sa.select(AuditEntry.act).where(AuditEntry.act.like("relief.%"))
        return list(session.scalars(statement.order_by(AuditEntry.number)))


def open_cases(town: Town) -> list[str]:
    with town.database.reading() as session:
        return list(session.scalars(sa.select(Case.subject).where(Case.closed_at.is_(None))))


def test_an_application_is_kept_with_its_document_and_due_before_the_use(town: Town) -> None:
    made = application_of(town, ask(town))
    assert (made.state, made.document_name, made.valid_from) == ("asked", "会則.pdf", DAY)
    assert made.next_due_at == NOW.replace(hour=0) + timedelta(days=7)
    with town.database.reading() as session:
        assert session.get_one(ReliefDocument, made.id).content.startswith(b"%PDF-")
    assert [mail["group"] for mail in mails(town, "relief_asked")] == ["見本団体01"]
    assert acts(town) == ["relief.apply"]


def test_sent_twice_it_is_one_application(town: Town) -> None:
    assert ask(town) == ask(town)
    assert len(mails(town, "relief_asked")) == len(acts(town)) == 1
    assert ask(town, key="another key of the group") != ask(town)


def test_everybody_who_acts_for_the_group_is_told(town: Town) -> None:
    with town.database.transaction() as session:
        second = account(session, town.municipality_id, "futarime@example.jp")
        session.add(Member(group_id=town.general, account_id=second))
    granted(town)
    assert len(mails(town, "relief_decided")) == 2


@pytest.mark.parametrize(
    "asked",
    [
        wanted(first=DAY - timedelta(days=8)),
        wanted(last=DAY - timedelta(days=1)),
        wanted(last=DAY + timedelta(days=366)),
        wanted(reason="  "),
        wanted(reason="長" * 401),
    ],
)
def test_what_no_decision_could_be_about_is_refused(town: Town, asked: relief.Wanted) -> None:
    with pytest.raises(BadInput):
        ask(town, what=asked)


def test_a_year_from_today_is_the_most(town: Town) -> None:
    today = DAY - timedelta(days=7)
    assert ask(town, what=wanted(first=today, last=today + timedelta(days=365), reason="長" * 400))


def test_a_group_has_at_most_five_undecided_ones(town: Town) -> None:
    first = ask(town, key="number 1 of this group")
    for number in range(2, 6):
        ask(town, key=f"number {number} of this group")
    with pytest.raises(TooManyApplications):
        ask(town, key="number 6 of this group")
    decide(town, first, REFUSAL)
    assert ask(town, key="number 6 of this group")


def test_only_for_a_group_of_ones_own(town: Town) -> None:
    with town.database.transaction() as session:
        actor, key = town.actor(town.youth, session=session), "k" * 20
        with pytest.raises(NotThere):
            relief.apply(
                session, actor=actor, group_id=town.general, request_key=key, wanted=wanted(), now=NOW
            )


def test_it_is_withdrawn_while_nobody_has_decided(town: Town) -> None:
    application = ask(town)

    def withdraw() -> str:
        with town.database.transaction() as session:
            actor = town.actor(town.general, session=session)
            return relief.withdraw(session, actor=actor, application_id=application, now=NOW).state

    assert [withdraw(), withdraw()] == ["withdrawn", "withdrawn"]
    assert acts(town) == ["relief.apply", "relief.withdraw"]
    with pytest.raises(AlreadyDecided):
        decide(town, application, FULL)


def test_what_is_decided_is_not_withdrawn_and_not_anothers_to_withdraw(town: Town) -> None:
    application = granted(town)
    for groups, refusal in (((town.general,), AlreadyDecided), ((town.youth,), NotThere)):
        with town.database.transaction() as session:
            actor = town.actor(*groups, session=session)
            with pytest.raises(refusal):
                relief.withdraw(session, actor=actor, application_id=application, now=NOW)


def test_a_grant_counts_for_its_days_only(town: Town) -> None:
    granted(town)
    with town.database.reading() as session:
        found = [relief.granted_for(session, town.general, DAY + timedelta(days=days)) for days in (-1, 0, 1)]
        assert found == [None, Relief(50, 50), None]
        assert relief.granted_for(session, town.youth, DAY) is None


def test_several_grants_give_the_best_of_each_item(town: Town) -> None:
    granted(town)
    decide(town, ask(town, key="another key of the group"), relief.Decision(Scope.BASE_ONLY, None, "規則"))
    with town.database.reading() as session:
        assert relief.granted_for(session, town.general, DAY) == Relief(100, 50)


def test_a_decision_is_written_down_told_and_audited(town: Town) -> None:
    application = application_of(town, granted(town))
    assert (application.state, application.scope, application.percent) == ("granted", "percent", 50)
    assert (application.decided_by, application.next_due_at) == (town.manager, None)
    assert [mail["decision"] for mail in mails(town, "relief_decided")] == ["50%減免"]
    assert acts(town) == ["relief.apply", "relief.grant"]


def test_a_refusal_gives_nothing(town: Town) -> None:
    assert decide(town, ask(town), REFUSAL) == "refused"
    with town.database.reading() as session:
        assert relief.granted_for(session, town.general, DAY) is None
    assert [mail["is_granted"] for mail in mails(town, "relief_decided")] == [False]
    assert acts(town)[-1] == "relief.refuse"


def test_the_same_decision_twice_is_one_and_another_one_is_refused(town: Town) -> None:
    application = granted(town)
    assert decide(town, application, HALF) == "granted"
    assert len(mails(town, "relief_decided")) == 1
    for other in (FULL, REFUSAL, relief.Decision(Scope.PERCENT, 51, HALF.reason)):
        with pytest.raises(AlreadyDecided):
            decide(town, application, other)


@pytest.mark.parametrize(
    "half",
    [
        relief.Decision(Scope.PERCENT, None, "理由"),
        relief.Decision(Scope.PERCENT, 0, "理由"),
        relief.Decision(Scope.PERCENT, 101, "理由"),
        relief.Decision(Scope.FULL, 50, "理由"),
        relief.Decision(None, 50, "理由"),
        relief.Decision(Scope.FULL, None, " "),
    ],
)
def test_half_a_decision_is_refused(town: Town, half: relief.Decision) -> None:
    application = ask(town)
    with pytest.raises(BadInput):
        decide(town, application, half)
    assert application_of(town, application).state == "asked"


def test_only_managers_of_the_town_decide(town: Town) -> None:
    application = ask(town)
    with town.database.transaction() as session:
        actor = town.actor(town.general, session=session)
        with pytest.raises(NotThere):
            relief.decide(session, actor=actor, application_id=application, decision=FULL, now=NOW)
    with pytest.raises(NotThere):
        decide(town, UUID(int=1), FULL)


def test_two_managers_at_once_make_one_decision(town: Town) -> None:
    application = ask(town)
    start, told = threading.Barrier(2), []

    def one(decision: relief.Decision) -> None:
        start.wait()
        try:
            told.append(retrying(lambda: decide(town, application, decision)))
        except KaihoError as error:
            told.append(error.code)

    threads = [threading.Thread(target=one, args=(decision,)) for decision in (FULL, REFUSAL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "relief_closed" in told
    assert len(told) == 2
    assert {"granted", "refused"} & set(told)
    assert len(mails(town, "relief_decided")) == 1


def overdue(town: Town, days: int) -> int:
    with town.database.transaction() as session:
        return late_relief.open_overdue(session, now=NOW + timedelta(days=days), limit=10)


def test_an_application_that_nobody_decides_in_time_becomes_a_case_until_it_is_decided(town: Town) -> None:
    application = ask(town)
    assert overdue(town, 6) == 0
    assert open_cases(town) == []
    assert overdue(town, 7) == 1
    assert overdue(town, 7) == 0
    assert open_cases(town) == [str(application)]
    assert overdue(town, 8) == 1
    assert open_cases(town) == [str(application)]
    decide(town, application, HALF)
    assert open_cases(town) == []
    assert overdue(town, 30) == 0
