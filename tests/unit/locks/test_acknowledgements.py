"""Messages are acknowledged in the order of their arrival, whichever is finished first."""

from locks.acknowledgements import Acknowledgements


def test_an_early_finisher_waits_for_those_before_it() -> None:
    sent: list[int] = []
    acks = Acknowledgements(sent.append)
    first, second, third = (acks.arrived(number) for number in (11, 12, 13))
    acks.finished(second)
    assert sent == []
    acks.finished(first)
    assert sent == [11, 12]
    acks.finished(third)
    assert sent == [11, 12, 13]


def test_what_arrived_on_an_old_connection_is_never_acknowledged_on_the_new_one() -> None:
    sent: list[int] = []
    acks = Acknowledgements(sent.append)
    old = acks.arrived(1)
    acks.reconnected()
    new = acks.arrived(1)
    acks.finished(old)
    assert sent == []
    acks.finished(new)
    assert sent == [1]
