"""The lock's core under real MicroPython 1.27 decides as under CPython, and as the golden vectors say."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import firmware_sim
from tests.integration.firmware_sim.micropython import replay
from tests.integration.firmware_sim.micropython.scenarios import (
    entry_scenario,
    envelopes,
    recorded_life,
    texts,
)
from tests.servers.node import node_program
from tests.servers.processes import ROOT
from tests.unit.firmware_sim.vectors import vector_sets

HERE = Path(__file__).parent
CORE = Path(firmware_sim.__file__).parent / "core"


def under_micropython(
    folder: Path, question: dict[str, Any], spoiled: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    """What replay.py answers there, with the very core files that the simulator runs unless spoiled."""
    core = folder / "firmware_sim" / "core"
    shutil.copytree(CORE, core, ignore=shutil.ignore_patterns("__pycache__"))
    decision = core / "entry_decision.py"
    decision.write_text(decision.read_text().replace(*spoiled))
    (folder / "firmware_sim" / "__init__.py").write_text("")
    shutil.copy(HERE / "replay.py", folder)
    (folder / "question.json").write_text(json.dumps(question))
    done = subprocess.run(
        [node_program(), str(HERE / "run.mjs"), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def as_json(answer: Any) -> Any:
    """Tuples become lists, as on the other side."""
    return json.loads(json.dumps(answer))


@pytest.fixture(scope="module")
def question() -> dict[str, Any]:
    return {
        "sets": vector_sets(),
        "entries": [entry_scenario(seed, cases=20) for seed in range(30)],
        "texts": texts(1, 600),
        "envelopes": envelopes(vector_sets()[0], 1, 300),
        "lives": [recorded_life(seed, acts=14) for seed in range(8)],
    }


@pytest.fixture(scope="module")
def answer(question: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return under_micropython(tmp_path_factory.mktemp("lock"), question)


def test_it_is_micropython_1_27(answer: dict[str, Any]) -> None:
    assert answer["implementation"] == ["micropython", [1, 27, 0]]


def test_every_golden_vector_holds_under_micropython(answer: dict[str, Any]) -> None:
    for golden, found in zip(vector_sets(), answer["vectors"], strict=True):
        assert found["keys"] == golden["keys"]
        assert found["codes"] == [[case["counter"], case["code"]] for case in golden["codes"]]
        assert found["weak"] == [case["weak"] for case in golden["weak"]]
        assert found["staff"] == {row[0]: row[4] for row in golden["desired"]["staff"]}
        assert found["digest"] == golden["digest"]
        for name in ("desired", "hello", "welcome"):
            assert found["messages"][name] == [True, golden[name]]
        assert found["bad"] == ["refused"] * len(golden["bad_envelopes"])
        assert [each[0] for each in found["decisions"]] == [case["outcome"] for case in golden["decisions"]]
        assert found["buckets"] == [case["tokens_left"] for case in golden["bucket"]]


def test_six_hundred_random_entries_are_decided_alike(
    question: dict[str, Any], answer: dict[str, Any]
) -> None:
    here = as_json([replay.entries(scenario) for scenario in question["entries"]])
    assert answer["entries"] == here
    outcomes = {each[0] for scenario in here for each in scenario}
    assert outcomes == {
        *("granted", "derived", "staff", "emergency"),
        *("invalid_credential", "restricted", "throttled", "ignored"),
    }


def test_nearly_json_is_read_or_refused_alike(question: dict[str, Any], answer: dict[str, Any]) -> None:
    here = as_json([replay.parsed(text) for text in question["texts"]])
    differ = [
        each for each in zip(question["texts"], here, answer["texts"], strict=True) if each[1] != each[2]
    ]
    assert differ == []
    assert {each[0] for each in here} == {"value", "refused"}


def test_spoiled_envelopes_are_refused_alike(question: dict[str, Any], answer: dict[str, Any]) -> None:
    here = as_json([replay.opened(case) for case in question["envelopes"]])
    assert answer["envelopes"] == here
    assert here[0] == ["opened", vector_sets()[0]["desired"]["version"]]
    assert sum(each[0] == "opened" for each in here) < 5


def test_recorded_lives_have_the_same_effects_in_the_same_order(
    question: dict[str, Any], answer: dict[str, Any]
) -> None:
    steps = 0
    for record, there in zip(question["lives"], answer["lives"], strict=True):
        here = as_json(replay.life(record))
        for index, (ours, theirs) in enumerate(zip(here, there, strict=True)):
            assert ours == theirs, record["steps"][index]
        steps += len(here)
    assert steps > 500


def test_a_core_that_decides_otherwise_would_be_found(tmp_path: Path) -> None:
    """Negative control: in MicroPython's copy a window ends a second too early."""
    golden = vector_sets()[0]
    question = {"sets": [golden], "entries": [], "lives": [], "texts": [], "envelopes": []}
    spoiled = under_micropython(
        tmp_path, question, ("<= start + length * GRANULE_S", "< start + length * GRANULE_S")
    )
    wrong = [
        case["why"]
        for case, found in zip(golden["decisions"], spoiled["vectors"][0]["decisions"], strict=True)
        if found[0] != case["outcome"]
    ]
    assert wrong == ["last second of the late margin"]
