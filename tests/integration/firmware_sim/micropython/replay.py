"""What the core makes of the golden vectors and of recorded lives; runs under CPython and MicroPython alike.

It keeps to what MicroPython knows, and answers in plain lists and texts, so that two answers can be compared.
"""

import binascii
import json

from firmware_sim.core import effects, stimuli
from firmware_sim.core.bucket import Bucket
from firmware_sim.core.desired import Desired, read
from firmware_sim.core.entry_decision import Circumstances, decide
from firmware_sim.core.envelope import Refused, decode, seal, unseal
from firmware_sim.core.machine import step
from firmware_sim.core.primitives import code_of, counter_of, is_weak, subkey, verifier_of
from firmware_sim.core.state import State, factory_state
from firmware_sim.core.strict_json import parse

MESSAGES = (
    ("desired", "down", "kaiho-desired"),
    ("hello", "up", "kaiho-hello"),
    ("welcome", "down", "kaiho-welcome"),
)


def hexed(data: bytes) -> str:
    return binascii.hexlify(data).decode()


def vectors(golden: dict) -> dict:
    """Everything that a set of golden vectors states, computed anew."""
    root = binascii.unhexlify(golden["root"])
    code_root = binascii.unhexlify(golden["code_root"])
    lock, mac_epoch = golden["lock"], golden["mac_epoch"]
    code_key = subkey(code_root, "code", golden["epoch"])
    grant_key = subkey(root, "grant", golden["epoch"])
    keys = {
        "up": hexed(subkey(root, "up", mac_epoch)),
        "down": hexed(subkey(root, "down", mac_epoch)),
        "grant": hexed(grant_key),
        "code": hexed(code_key),
    }
    codes = []
    for case in golden["codes"]:
        window = (case["granule"], case["length"], case["lane"], case["rev"])
        codes.append([counter_of(*window), code_of(code_key, *window)])
    staff = {gid: verifier_of(grant_key, gid, golden["staff_codes"][gid]) for gid in golden["staff_codes"]}
    messages = {}
    for name, direction, typ in MESSAGES:
        token = golden[name + "_jws"]
        octets = decode(token.split(".")[1])
        opened = unseal(token, root, lock, direction, 0, typ)
        messages[name] = [seal(octets, root, lock, direction, mac_epoch, typ) == token, opened.payload]
    opened = unseal(golden["desired_jws"], root, lock, "down", 0, "kaiho-desired")
    desired = read(opened.payload, opened.octets)
    config = golden["desired"]["config"]
    return {
        "keys": keys,
        "codes": codes,
        "weak": [is_weak(case["code"]) for case in golden["weak"]],
        "staff": staff,
        "messages": messages,
        "digest": desired.digest,
        "bad": [refusal(case["jws"], root, lock, mac_epoch) for case in golden["bad_envelopes"]],
        "decisions": [decided(desired, code_key, grant_key, case) for case in golden["decisions"]],
        "buckets": [tokens_left(case["failures"], config) for case in golden["bucket"]],
    }


def refusal(token: str, root: bytes, lock: str, mac_epoch: int) -> str:
    try:
        unseal(token, root, lock, "down", mac_epoch, "kaiho-desired")
    except Refused:
        return "refused"
    return "opened"


def tokens_left(failures: list, config: dict) -> list:
    bucket = Bucket()
    bucket.tokens = config["wrong_code_limit"]
    left = []
    for t in failures:
        bucket.fail(t, config["wrong_code_limit"], config["wrong_code_refill"])
        left.append(bucket.tokens)
    return left


def decided(desired: Desired, code_key: bytes, grant_key: bytes, case: dict) -> list:
    burns = {(burn[0], burn[1]): burn[2] for burn in case["burns"]}
    at = Circumstances(
        case["t"], case["confirmed_now"], case["clock_known"], case["high_water"], burns, case["tokens"]
    )
    at.operating_mode = case.get("operating_mode", desired.config.operating_mode)
    at.key = case.get("key", "none")
    at.burned_gids = case.get("burned_gids", [])
    decision = decide(desired, code_key, grant_key, case["entered"], at)
    return [decision.outcome, decision.window and list(decision.window), decision.gid]


def entries(scenario: dict) -> list:
    """Decisions at a desired state, each under circumstances of its own."""
    octets = json.dumps(scenario["desired"]).encode()
    payload = parse(scenario["text"])
    desired = read(payload, octets) if isinstance(payload, dict) else Desired()
    code_key = binascii.unhexlify(scenario["code_key"])
    grant_key = binascii.unhexlify(scenario["grant_key"])
    return [decided(desired, code_key, grant_key, case) for case in scenario["cases"]]


def life(record: dict) -> list:
    """Every effect of a recorded life of a whole lock, step by step."""
    root = binascii.unhexlify(record["root"])
    state = factory_state(record["lock"], root, binascii.unhexlify(record["code_root"]))
    told = []
    for mono, wall_ms, name, members in record["steps"]:
        stimulus = stimulus_of(name, members)
        state, found = step(state, stimulus, stimuli.Now(mono, wall_ms))
        told.append([plain(effect, state) for effect in found])
    return told


def stimulus_of(name: str, members: dict) -> stimuli.Stimulus:
    """A stimulus as it was recorded; octets stand in it as hexadecimal digits."""
    kind = getattr(stimuli, name)
    arguments = {}
    for member in members:
        value = members[member]
        if member in ("flash", "entropy", "payload") and value is not None:
            value = binascii.unhexlify(value)
        arguments[member] = value
    return kind(**arguments)


def plain(effect: effects.Effect, state: State) -> list:
    """An effect as a list. MicroPython's dictionaries have no order, so JSON is compared as values."""
    if isinstance(effect, effects.FlashWrite):
        return ["FlashWrite", json.loads(effect.image.decode())]
    if isinstance(effect, effects.Publish):
        token = effect.payload.decode()
        opened = unseal(token, state.root, state.lock, "up", 0, "kaiho-hello")
        return ["Publish", effect.topic, opened.payload]
    members = effect.__dict__
    return [effect.__class__.__name__] + [[name, members[name]] for name in sorted(members)]


def parsed(text: str) -> list:
    """What the strict reader makes of a text: a value, or the refusal."""
    try:
        return ["value", parse(text)]
    except ValueError:
        return ["refused"]


def opened(case: dict) -> list:
    """What becomes of an envelope, as octets, on its way into the lock."""
    root = binascii.unhexlify(case["root"])
    try:
        token = binascii.unhexlify(case["token"]).decode()
        found = unseal(token, root, case["lock"], "down", 0, "kaiho-desired")
        return ["opened", read(found.payload, found.octets).version]
    except (Refused, ValueError):
        return ["refused"]


def replay(asked: dict) -> dict:
    """The answer to a whole question: golden sets, entries and lives."""
    return {
        "vectors": [vectors(golden) for golden in asked["sets"]],
        "entries": [entries(scenario) for scenario in asked["entries"]],
        "texts": [parsed(text) for text in asked["texts"]],
        "envelopes": [opened(case) for case in asked["envelopes"]],
        "lives": [life(record) for record in asked["lives"]],
    }
