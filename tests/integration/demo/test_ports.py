"""A port that is taken is not handed out, and waiting ends."""

import socket

import pytest

from booking.demo.ports import free_port, wait_for_port, wait_until
from core.errors import ContractBroken


def test_the_preferred_port_is_given_where_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - somebody who listens on all addresses
def test_a_port_that_is_taken_is_replaced_by_a_free_one(host: str) -> None:
    with socket.create_server((host, 0)) as taken:
        port = taken.getsockname()[1]
        other = free_port(port)
        assert other != port
        with socket.create_server(("127.0.0.1", other)) as now_taken:
            assert now_taken.getsockname()[1] == other
    assert free_port(port) == port


def test_a_port_on_which_somebody_listens_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wait_for_port(port, at_most_s=5)
    with pytest.raises(ContractBroken, match=f"port {port}"):
        wait_for_port(port, at_most_s=0.1)


def test_waiting_asks_again_until_it_holds() -> None:
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), "never", at_most_s=5, every_s=0)
    assert next(answers, None) is None
    with pytest.raises(ContractBroken, match="it rains"):
        wait_until(lambda: False, "it rains", at_most_s=0.05, every_s=0.01)
