"""The probes of a whole gateway, and the headers that every answer has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference_server.runtime import Runtime
from reference_server.storage.database import Database

from .conftest import Client
from .scripted import gateway_application


def test_a_gateway_that_serves_is_alive_ready_and_ok(serve: Any, tmp_path: Path) -> None:
    with serve(gateway_application(tmp_path)) as address:
        ask = Client(address)
        assert ask("GET", "/health/live", key=None).json == {"status": "alive"}
        assert ask("GET", "/health/ready", key=None).json == {"status": "ready"}
        assert ask("GET", "/health", key=None).json["status"] == "ok"


def test_a_draining_gateway_is_alive_and_serves_and_is_not_ready(serve: Any, tmp_path: Path) -> None:
    runtime = Runtime()
    with serve(gateway_application(tmp_path, runtime=runtime)) as address:
        ask = Client(address)
        runtime.drain.begin()
        ready = ask("GET", "/health/ready", key=None)
        assert (ready.status, ready.json["reason"]) == (503, "draining")
        assert int(ready.headers["retry-after"]) >= 1
        assert ask("GET", "/health/live", key=None).status == 200
        assert ask("GET", "/health", key=None).json["status"] == "degraded"
        assert ask("POST", "/api/users", key=None).status == 201


def test_a_gateway_whose_storage_takes_no_writes_is_alive_and_not_ready(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Database) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Database, "probe", full)
    with serve(gateway_application(tmp_path)) as address:
        ask = Client(address)
        ready = ask("GET", "/health/ready", key=None)
        assert (ready.status, ready.json["reason"]) == (503, "storage_unavailable")
        assert "no space" not in ready.json["error"]
        assert ask("GET", "/health/live", key=None).status == 200
        assert ask("GET", "/health", key=None).json["status"] == "degraded"


async def test_the_probe_of_a_file_that_cannot_be_written_to_fails(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/tonpo.db")
    try:
        await database.probe()
        async with database._engine.connect() as connection:  # every connection of the pool, while this one is out
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            await connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            async with database._engine.connect() as other:
                await other.exec_driver_sql("PRAGMA busy_timeout = 0")
            with pytest.raises(Exception, match="locked"):
                await database.probe()
            await connection.exec_driver_sql("ROLLBACK")
        await database.probe()
    finally:
        await database.close()


def test_answers_are_not_kept_and_not_guessed_at(serve: Any, tmp_path: Path) -> None:
    with serve(gateway_application(tmp_path)) as address:
        ask = Client(address)
        key = ask("POST", "/api/users", key=None).json["api_key"]
        answers = [ask("GET", "/api/users/me", key=key), ask("GET", "/api/users/me", key=None), ask("GET", "/nowhere")]
        answers.append(ask("GET", "/ws", key=None))
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        document = ask("GET", "/openapi.json", key=None)
        assert document.headers["cache-control"] == "no-cache"
        assert document.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in document.headers, "nothing to promise without TLS"
