"""Errors have stable codes; settings come from the environment and hide what is secret."""

import pytest
from pydantic import ValidationError

from core import errors
from core.settings import Settings

LEAVES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, errors.KaihoError)
]


def test_codes_are_stable_words_and_sentences_are_japanese() -> None:
    assert len({leaf.code for leaf in LEAVES}) == len(LEAVES)
    assert all(leaf.code.replace("_", "").isalpha() and leaf.code.islower() for leaf in LEAVES)
    assert all(leaf.sentence.endswith("。") for leaf in LEAVES)


def test_a_detail_is_for_the_log_and_a_sentence_for_people() -> None:
    error = errors.NotThere("reservation 1", sentence="ありません。")
    assert str(error) == "reservation 1"
    assert error.sentence == "ありません。"
    assert str(errors.NotThere()) == "not_found"
    assert errors.NotThere.sentence != error.sentence


def test_settings_need_their_secrets_and_never_print_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAIHO_SECRET_KEY", raising=False)
    monkeypatch.delenv("KAIHO_MASTER_KEY", raising=False)
    with pytest.raises(ValidationError):
        Settings()
    monkeypatch.setenv("KAIHO_SECRET_KEY", "very-secret-text")
    monkeypatch.setenv("KAIHO_MASTER_KEY", "00" * 32)
    monkeypatch.setenv("KAIHO_MQTT_PORT", "1234")
    found = Settings()
    assert found.mqtt_port == 1234
    assert "very-secret-text" not in repr(found)
    assert "00" * 32 not in repr(found)
