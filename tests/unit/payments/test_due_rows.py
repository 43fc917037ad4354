"""When a row is looked at next: hints win, failures wait longer, leases end."""

from datetime import UTC, datetime, timedelta

from payments.due import LEASE_FOR, give_back, is_leased, lease, put_off
from payments.models import Payment
from payments.stripe_port import CALL_TAKES_AT_MOST_S

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def _leased() -> Payment:
    row = Payment(attempts=0)
    lease(row, now=NOW)
    return row


def test_a_lease_outlives_the_two_longest_calls() -> None:
    row = _leased()
    assert timedelta(seconds=2 * CALL_TAKES_AT_MOST_S) <= LEASE_FOR
    assert is_leased(row, now=NOW + LEASE_FOR - timedelta(seconds=1))
    assert not is_leased(row, now=NOW + LEASE_FOR)


def test_a_row_given_back_is_due_when_said() -> None:
    row = _leased()
    give_back(row, due_at=LATER)
    assert (row.next_due_at, row.leased_until) == (LATER, None)


def test_a_hint_during_the_lease_is_kept() -> None:
    row = _leased()
    row.next_due_at = NOW
    give_back(row, due_at=LATER)
    assert row.next_due_at == NOW


def test_failures_wait_5_s_doubling_to_5_minutes_within_a_quarter() -> None:
    row = _leased()
    waits = []
    for _ in range(10):
        put_off(row, RuntimeError("no"), now=NOW)
        assert row.next_due_at is not None
        waits.append((row.next_due_at - NOW).total_seconds())
    plain = [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]
    assert all(0.75 * mean <= wait <= 1.25 * mean for wait, mean in zip(waits, plain, strict=True))
