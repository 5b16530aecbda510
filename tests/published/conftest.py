"""A gateway as its users start it, for what was published about gateways before this project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tonpo_spec.served import ServedGateway, served_gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGateway]:
    data_dir: Path = tmp_path_factory.mktemp("published") / "data"
    with served_gateway(data_dir, ["--default-plan", "enterprise"]) as running:
        yield running
