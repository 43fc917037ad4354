"""A welcome confirms only what was sold before it was asked for (lock protocol section 6)."""

from firmware_sim.core import effects, stimuli
from tests.unit.firmware_sim.lab import Lab, started, window_at


def sold_at_the_door() -> tuple[Lab, str]:
    """A lock that knows a start as sellable, and the code that somebody has just been sold there."""
    lab = started()
    window = window_at(lab)
    lab.server.publish(lab.now, sellable=[[window[0], [4], 1]])
    lab.feed(stimuli.SyncAsked())
    lab.settle()
    lab.advance(1000)
    return lab, lab.server.code(*window)


def test_a_code_sold_while_a_welcome_is_on_its_way_opens() -> None:
    lab, code = sold_at_the_door()
    lab.network = "mute"
    lab.feed(stimuli.SyncAsked())
    lab.advance(1)
    hellos = [effect for effect in lab.done if isinstance(effect, effects.Publish)]
    welcome = lab.server.answer(hellos[-1].payload, lab.true_ms)
    assert welcome is not None
    # The server has answered; now it sells, and the buyer's first key is faster than the answer.
    lab.press(code[:4])
    lab.deliver("welcome", welcome)
    lab.feed(stimuli.Tick())
    lab.press(code[4:] + "#")
    lab.advance(7)
    assert lab.decided[-1].outcome == "derived"
    assert lab.decided[-1].opens


def test_what_a_server_asked_since_the_first_key_does_not_list_stays_out() -> None:
    """The other side of the rule: asked now, it would have named the sale."""
    lab, code = sold_at_the_door()
    assert lab.enter(code) == "invalid_credential"
