"""A lock's whole life at random: visitors, servers, networks, power cuts; the promises hold throughout."""

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firmware_sim.core import stimuli
from firmware_sim.core.entry_decision import Circumstances, decide
from firmware_sim.core.event_log import seq_of
from firmware_sim.core.machine import step
from tests.unit.firmware_sim.lab import Lab, PowerCut, window_at
from tests.unit.firmware_sim.server_double import GRANULE

EARLY, LATE = 600, 900


class LockLife(RuleBasedStateMachine):
    """The oracle knows windows and revisions only; it never looks at how the lock decides."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = Lab()
        self.base = self.lab.now // GRANULE
        self.burned: dict[tuple[int, int], int] = {}
        self.sold: list[list[int]] = []
        self.highest_n = 0
        self.highest_version = 0
        self.seen_seqs: dict[int, dict[str, Any]] = {}
        self.next_seq = 1

    @initialize(sellable=st.booleans())
    def install(self, sellable: bool) -> None:
        starts = [[self.base + 4 * index, [2, 4], 3] for index in range(-1, 32)]
        self.lab.server.publish(self.lab.now, sellable=starts if sellable else [])
        self.lab.power_up()
        self.lab.settle()

    # Mostly the start that holds the present instant: a life without openings would prove little.
    windows = st.tuples(
        st.sampled_from([0, 0, 0, 0, 1, -1]), st.sampled_from([4, 4, 2]), st.integers(0, 1), st.integers(0, 2)
    )

    def start_at(self, index: int) -> int:
        """The start `index` places after the one of the present instant."""
        return self.base + 4 * ((self.lab.now // GRANULE - self.base) // 4 + index)

    @rule(found=windows, confirm=st.booleans())
    def grant(self, found: tuple[int, int, int, int], confirm: bool) -> None:
        index, length, lane, rev = found
        window = [self.start_at(index), length, lane, rev]
        self.sold.append(window)
        grants = [*self.lab.server.desired["grants"], window]
        self.lab.server.publish(self.lab.now, grants=sorted(grants))
        if confirm:
            self.sync()

    @rule()
    def withdraw_all(self) -> None:
        floors: dict[tuple[int, int], int] = {}
        for granule, _, lane, rev in self.lab.server.desired["grants"]:
            floors[granule, lane] = max(floors.get((granule, lane), 0), rev + 1)
        listed = sorted([granule, lane, rev] for (granule, lane), rev in floors.items())
        self.lab.server.publish(self.lab.now, grants=[], floors=listed)

    @rule()
    def sync(self) -> None:
        self.lab.feed(stimuli.SyncAsked())
        self.lab.settle()

    @rule(network=st.sampled_from(["up", "down", "dead", "mute"]))
    def change_network(self, network: str) -> None:
        self.lab.network = network

    @rule(seconds=st.sampled_from([1, 30, 599, 900, 1801, 7200, 50_000]))
    def wait(self, seconds: int) -> None:
        self.lab.advance(seconds)

    @rule(found=windows)
    def enter(self, found: tuple[int, int, int, int]) -> None:
        """Any code of about now, sold or not."""
        index, length, lane, rev = found
        self.enter_window([self.start_at(index), length, lane, rev])

    @precondition(lambda self: self.sold)
    @rule(back=st.integers(1, 4))
    def enter_what_was_sold(self, back: int) -> None:
        """A code that was granted once, whatever became of it."""
        self.enter_window(self.sold[-min(back, len(self.sold))])

    def enter_window(self, window: list[int]) -> None:
        _, length, lane, rev = window
        opened = len(self.lab.opened_at)
        self.lab.enter(self.lab.server.code(*window))
        if len(self.lab.opened_at) > opened:
            at = self.lab.opened_at[-1]
            start = window[0] * GRANULE
            event("an opening")
            assert start - EARLY <= at <= start + length * GRANULE + LATE
            assert rev >= self.burned.get((window[0], lane), 0)
            self.burned[window[0], lane] = rev
            assert self.lab.state.clock_known

    @rule(digits=st.text("0123456789", min_size=8, max_size=10))
    def guess(self, digits: str) -> None:
        opened = len(self.lab.opened_at)
        known = [
            self.lab.server.code(self.start_at(index), length, lane, rev)
            for index in (-1, 0, 1)
            for length in (2, 4)
            for lane in (0, 1)
            for rev in range(5)
        ]
        if digits not in known:
            self.lab.enter(digits)
            assert len(self.lab.opened_at) == opened

    @rule(kept=st.booleans())
    def power_cycle(self, kept: bool) -> None:
        self.lab.power_cycle(clock_kept=kept)
        self.lab.settle()

    @precondition(lambda self: self.sold)
    @rule(back=st.integers(1, 3), write=st.integers(0, 4), kept=st.booleans(), clock=st.booleans())
    def lose_power_during_an_entry(self, back: int, write: int, kept: bool, clock: bool) -> None:
        window = self.sold[-min(back, len(self.sold))]
        self.lab.cut_at = (self.lab.writes + write, kept)
        opened = len(self.lab.opened_at)
        cut = False
        try:
            self.enter_window(window)
        except PowerCut:
            cut = True
        self.lab.cut_at = None
        if not cut:
            return
        if len(self.lab.opened_at) > opened:
            # The bolt moved, so the burn must have been in flash before.
            self.burned[window[0], window[2]] = window[3]
        self.lab.power_cycle(clock_kept=clock)
        self.lab.settle()

    @rule(position=st.sampled_from(["open", "closed"]))
    def move_door(self, position: str) -> None:
        self.lab.door = position
        self.lab.feed(stimuli.DoorMoved(position))

    @precondition(lambda self: self.lab.server.desired_jws)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """An attacker's broker repeats whatever was once published, spoiled or whole, at any moment."""
        jws = self.lab.server.desired_jws or ""
        at = data.draw(st.integers(0, len(jws) - 1))
        spoiled = jws[:at] + ("A" if jws[at] != "A" else "B") + jws[at + 1 :]
        version = self.lab.state.desired.version
        self.lab.feed(stimuli.SyncAsked())
        for tail in ("desired", "welcome", "command"):
            self.lab.deliver(tail, spoiled)
        self.lab.feed(stimuli.Tick())
        assert self.lab.state.desired.version in (version, self.lab.server.version)
        self.lab.settle()

    @invariant()
    def versions_and_numbers_never_go_back(self) -> None:
        state = self.lab.state
        assert state.desired.version >= self.highest_version
        assert state.n >= self.highest_n
        self.highest_version, self.highest_n = state.desired.version, state.n

    @invariant()
    def seq_is_gapless_and_what_was_stored_never_changes(self) -> None:
        log = self.lab.state.log
        seqs = [seq_of(record) for record in log.records]
        assert seqs == list(range(log.next_seq - len(seqs), log.next_seq))
        assert log.next_seq >= self.next_seq
        self.next_seq = log.next_seq
        stored = self.lab.server.events
        assert sorted(stored) == list(range(1, len(stored) + 1))
        for seq, record in self.seen_seqs.items():
            assert stored[seq] == record
        self.seen_seqs = dict(stored)

    @invariant()
    def burns_are_never_forgotten(self) -> None:
        for place, rev in self.burned.items():
            if self.lab.now <= (place[0] + 48) * GRANULE + LATE:
                assert self.lab.state.burns.get(place, 0) >= rev

    @invariant()
    def the_lock_sleeps_or_has_a_plan(self) -> None:
        timers = self.lab.state.timers
        if self.lab.state.contact is None and self.lab.state.powered:
            assert {"sync", "retry"} & set(timers)


TestLockLife = LockLife.TestCase
TestLockLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("kept", [False, True])
def test_power_lost_at_any_write_of_an_opening_never_loses_the_burn_of_a_moved_bolt(kept: bool) -> None:
    moved = []
    for write in range(12):
        lab = Lab()
        first, second = window_at(lab), window_at(lab, rev=1)
        lab.server.publish(lab.now, grants=[first], sellable=[[first[0], [4], 1]])
        lab.power_up()
        lab.settle()
        lab.network = "mute"
        lab.cut_at = (lab.writes + write, kept)
        try:
            lab.enter(lab.server.code(*second))
            lab.settle()
        except PowerCut:
            pass
        else:
            break
        lab.cut_at, lab.network = None, "down"
        moved.append(bool(lab.opened_at))
        lab.power_cycle(clock_kept=True)
        burned = bool(lab.state.burns)
        outcome = lab.enter(lab.server.code(*first))
        assert outcome == ("invalid_credential" if burned else "granted")
        if moved[-1]:
            assert outcome == "invalid_credential"
            told = lab.events("lock_operation")
            assert [record["credential"] for record in told if record["operation"] == "unlock"] == [second]
    assert {True, False} == set(moved)


def test_without_burns_an_earlier_party_would_enter_again() -> None:
    """Negative control: forget a burn, and the code before it opens."""
    lab = Lab()
    first, second = window_at(lab), window_at(lab, rev=1)
    lab.server.publish(lab.now, grants=[first], sellable=[[first[0], [4], 1]])
    lab.power_up()
    lab.settle()
    lab.network = "down"
    lab.enter(lab.server.code(*second))
    assert lab.enter(lab.server.code(*first)) == "invalid_credential"
    lab.state.burns.clear()
    assert lab.enter(lab.server.code(*first)) == "granted"


def test_without_the_flush_before_the_bolt_a_burn_would_be_lost() -> None:
    """Negative control: put the flash back to what it was before the entry."""
    lab = Lab()
    first, second = window_at(lab), window_at(lab, rev=1)
    lab.server.publish(lab.now, grants=[first], sellable=[[first[0], [4], 1]])
    lab.power_up()
    lab.settle()
    lab.network = "down"
    before = lab.flash
    lab.enter(lab.server.code(*second))
    lab.flash = before
    lab.power_cycle(clock_kept=True)
    assert lab.enter(lab.server.code(*first)) == "granted"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    offset=st.integers(-20 * GRANULE, 20 * GRANULE),
    length=st.integers(1, 48),
    lane=st.integers(0, 31),
    rev=st.integers(0, 255),
    floor=st.integers(0, 256),
    granted=st.booleans(),
    confirmed=st.booleans(),
    known=st.booleans(),
    tokens=st.integers(0, 5),
)
def test_no_code_opens_outside_its_window_or_below_its_floor(
    offset: int,
    length: int,
    lane: int,
    rev: int,
    floor: int,
    granted: bool,
    confirmed: bool,
    known: bool,
    tokens: int,
) -> None:
    lab = Lab()
    granule = lab.now // GRANULE
    window = [granule, length, lane, rev]
    lab.server.publish(
        lab.now,
        grants=[window] if granted else [],
        sellable=[[granule, [length], 1 << lane]],
        floors=[[granule, lane, floor]],
    )
    lab.power_up()
    lab.settle()
    state, t = lab.state, granule * GRANULE + offset
    at = Circumstances(t, confirmed, known, 0, {}, tokens)
    decision = decide(state.desired, state.code_key, state.grant_key, lab.server.code(*window), at)
    inside = -EARLY <= offset <= length * GRANULE + LATE
    if decision.is_candidate():
        assert inside
        assert known
        assert rev >= floor
        assert decision.outcome == "granted" or (not confirmed and tokens > 0 and rev <= floor + 2)
    elif known and inside and granted:
        assert rev < floor
    if granted and rev >= floor and known:
        assert decision.outcome == ("granted" if inside else "restricted")


@settings(max_examples=40, deadline=None)
@given(keys=st.lists(st.sampled_from([*"0123456789", "enter", "clear"]), max_size=20))
def test_a_step_leaves_the_state_it_was_given_alone(keys: list[str]) -> None:
    lab = Lab("down")
    lab.server.publish(lab.now, sellable=[[lab.now // GRANULE, [4], 1]])
    lab.power_up()
    for key in keys:
        before, image = lab.state, lab.state.to_flash()
        ram = (dict(before.timers), repr(before.entry and vars(before.entry)), len(before.log.records))
        step(before, stimuli.KeyPressed(key), stimuli.Now(lab.mono, lab.wall_ms))
        twin, effects = step(before, stimuli.KeyPressed(key), stimuli.Now(lab.mono, lab.wall_ms))
        assert before.to_flash() == image
        assert (
            dict(before.timers),
            repr(before.entry and vars(before.entry)),
            len(before.log.records),
        ) == ram
        again, same = step(before, stimuli.KeyPressed(key), stimuli.Now(lab.mono, lab.wall_ms))
        assert again.to_flash() == twin.to_flash()
        assert [(type(one), vars(one)) for one in effects] == [(type(one), vars(one)) for one in same]
        lab.feed(stimuli.KeyPressed(key))
