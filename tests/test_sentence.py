"""How mistakes are told on the command line."""

from __future__ import annotations

import pytest

from reference_server.sentence import sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a gateway is running", "A gateway is running."),
        ("no such thing.", "No such thing."),
        ("backup.tar is damaged", "backup.tar is damaged."),
        ("port = 'x' (flag --port): expected a number", "port = 'x' (flag --port): expected a number."),
        ("server (file a.toml): no such setting", "server (file a.toml): no such setting."),
        ("word", "Word."),
    ],
)
def test_a_sentence_begins_with_a_capital_but_for_names(text: str, told: str) -> None:
    assert sentence(text) == told
