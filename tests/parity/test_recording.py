"""A recording is what the genuine package printed, complete or not at all."""

from pathlib import Path
from typing import Any

import pytest

from tests.parity.recording import Recording

HEAD: dict[str, Any] = {"package": "MetaTrader5 5.0.6231", "python": "3.11.9", "numpy": "1.26.4", "last_error": [0, ""]}
CASE: list[dict[str, Any]] = [
    {"begins": "mt5.version()"},
    {"case": "mt5.version()", "outcome": {"type": "tuple", "value": "(0, 0, '')"}},
]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    recording = Recording.from_lines([HEAD, *CASE, {"ends": 1}])
    recording.write(tmp_path / "genuine.json")
    assert Recording.read(tmp_path / "genuine.json") == recording
    assert recording.outcomes == {"mt5.version()": {"type": "tuple", "value": "(0, 0, '')"}}


def test_a_case_that_ends_the_process_is_named() -> None:
    with pytest.raises(ValueError, match=r"the process ended during 'mt5.crash\(\)'"):
        Recording.from_lines([HEAD, *CASE, {"begins": "mt5.crash()"}])


def test_a_package_that_cannot_be_imported_is_said_to_be_missing() -> None:
    with pytest.raises(ValueError, match="could not be imported"):
        Recording.from_lines([])
