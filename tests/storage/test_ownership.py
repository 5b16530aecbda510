"""One gateway per data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_server.storage.ownership import DataInUse, owned


def test_second_owner_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    with owned(tmp_path):
        with pytest.raises(DataInUse, match="another gateway is running on"), owned(tmp_path):
            pass
        with pytest.raises(DataInUse), owned(tmp_path):
            pass
    with owned(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["gateway.lock"]


def test_directory_that_cannot_be_owned_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataInUse, match="absent"), owned(tmp_path / "absent"):
        pass
