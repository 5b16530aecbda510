"""Rotates master keys in processes that end at one line after another; prints how many were ended.

Run by test_master_keys.py in a process of its own: `python -m tests.admin.killed_rotations FOLDER`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from reference_server.admin import master_keys
from reference_server.config import Settings, load_settings
from reference_server.store import open_store
from tests.admin.conftest import assert_all_open, fill

ACCOUNTS = 3
KILLED = 9
STRIDE = 11
WATCHED = ("admin/master_keys.py", "security/key_files.py", "storage/credentials.py")


def settings_of(folder: Path) -> Settings:
    return load_settings({"data_dir": folder}, {})


async def prepare(settings: Settings) -> None:
    async with open_store(settings) as store:
        await fill(store, ACCOUNTS)


async def rotate_and_prune(settings: Settings, end_at_line: int | None) -> None:
    left = end_at_line or -1

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(KILLED)
        return trace

    async with open_store(settings) as store:
        if end_at_line is not None:
            sys.settrace(trace)
        async for _ in master_keys.rotate(store, batch_rows=2):
            pass
        await master_keys.prune(store)
        sys.settrace(None)


def ended_at(settings: Settings, line: int) -> bool:
    """Rotate in a process that ends at this line; tell whether it got that far."""
    child = os.fork()
    if child == 0:
        asyncio.run(rotate_and_prune(settings, line))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, KILLED}, code
    return code == KILLED


def main(folder: Path) -> None:
    pristine = settings_of(folder / "pristine")
    asyncio.run(prepare(pristine))
    line = 1
    while True:
        settings = settings_of(folder / "data")
        shutil.copytree(pristine.data_dir, settings.data_dir)
        if not ended_at(settings, line):
            break
        asyncio.run(assert_all_open(settings, ACCOUNTS))
        asyncio.run(rotate_and_prune(settings, None))
        asyncio.run(assert_all_open(settings, ACCOUNTS))
        names = {path.name for path in settings.data_dir.iterdir()}
        assert names == {"api_key_pepper", "master_keys", "tonpo.db"}, names
        assert (settings.data_dir / "master_keys").read_text().count("=") == 1, "one key is left"
        shutil.rmtree(settings.data_dir)
        line += STRIDE
    print(line // STRIDE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
