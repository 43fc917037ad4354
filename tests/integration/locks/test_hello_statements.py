"""What a hello asks of the database, statement by statement: a gateway's contacts a second follow from it."""

from locks.installation import add_access_point
from tests.integration.locks.conftest import TOWN, School, Statements
from tests.integration.locks.door import Door


def counted(school: School, door: Door) -> list[str]:
    """The statements of one hello, without the transaction's own."""
    message = door.hello()
    with Statements(school.database) as seen:
        answer = school.hear(door, message)
        asked = [statement for statement in seen if not statement.startswith("BEGIN")]
    assert answer is not None
    if answer.desired is not None:
        door.take_desired(answer.desired)
    door.take_welcome(answer.welcome)
    return asked


def test_a_contact_without_news_costs_seven_statements(school: School) -> None:
    door = school.fit()
    school.contact(door)
    school.contact(door)
    assert len(counted(school, door)) <= 7


def test_a_hello_that_finds_its_new_version_built_costs_one_statement_more(school: School) -> None:
    door = school.fit()
    school.contact(door)
    school.issue(school.slot())
    built, found = counted(school, door), counted(school, door)
    assert len(built) <= 17
    assert len(found) <= 11


def test_fifty_events_cost_as_many_statements_as_one(school: School) -> None:
    door = school.fit()
    school.contact(door)
    door.happens("door_state_change", int(school.now.timestamp()), door="open")
    one = counted(school, door)
    for _ in range(50):
        door.happens("door_state_change", int(school.now.timestamp()), door="closed")
    assert len(counted(school, door)) == len(one) <= 11


def test_a_hello_costs_the_same_in_a_town_of_many_locks(school: School) -> None:
    door = school.fit()
    school.contact(door)
    alone = counted(school, door)
    for number in range(20):
        with school.database.transaction() as session:
            point = add_access_point(
                session,
                municipality_id=TOWN,
                name=f"体育館{number}",
                kind="door_lock",
                courts=[100 + number],
                now=school.now,
            )
        school.contact(school.fit(point))
    assert len(counted(school, door)) == len(alone)
