"""Numbers of streams that are left out are never given out."""

from __future__ import annotations

from pathlib import Path

from reference_server.storage.journal_schema import open_journal_file
from reference_server.storage.stream_positions import SqlStreamPositions


async def test_numbers_that_are_left_out_lie_below_all_that_follow(tmp_path: Path) -> None:
    file = open_journal_file(tmp_path)
    positions = SqlStreamPositions(file)
    for account in ("acc_1", "acc_2"):
        positions.reserve(account, 1024)
    positions.leave_out(["acc_1", "acc_new"], 2**32)
    await file.close()
    file = open_journal_file(tmp_path)
    positions = SqlStreamPositions(file)
    assert [positions.reserve(account, 1) for account in ("acc_1", "acc_2", "acc_new")] == [
        1024 + 2**32,
        1024,
        2**32,
    ]
    await file.close()
