"""How far a long command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Final, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINES: Final = 20
"""Lines for the whole work, off a terminal."""


class RowProgress:
    """Shows how many of all rows are done."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told = -1
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console) if sys.stderr.isatty() else None
        self._task = self._bar.add_task(what, total=None) if self._bar is not None else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        if self._bar is not None:
            self._bar.console.print(sentence, markup=False)
        else:
            click.echo(sentence)

    def show(self, done: int, total: int) -> None:
        """Note the progress."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
            return
        part = _LINES * done // total if total else _LINES
        if part > self._told or done == total:
            self._told = part
            click.echo(f"{done} of {total} {self._what}")
