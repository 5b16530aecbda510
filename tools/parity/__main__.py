"""`python -m tools.parity`: record the genuine package, compare the simulated one, say what came of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from tests.parity import differences, record
from tests.parity.outcome import outcome
from tests.parity.recording import PATH, Recording
from tools.parity import windows, wine

FOLDER = Path(sys.prefix) / "parity"
SHOWN = 10
SEED, RANDOM_CALLS = 6231, 20_000


def genuine(console: Console) -> tuple[Recording, dict[str, Any]]:
    """What the cases come to on the genuine package, and what random calls do.

    Raises WineMissing, DownloadFailed, ValueError, TimeoutExpired.
    """
    program = wine.find()
    if program is None:
        console.print(f"==> Installing {wine.PACKAGE}")
        program = wine.install()
    console.print("==> Providing a Windows Python with MetaTrader5 (half a minute the first time)")
    python = windows.provide(FOLDER)
    console.print("==> Running the cases on the genuine package, under Wine")
    recording = _run(program, python)
    console.print(f"==> Running {RANDOM_CALLS:,} random calls there")
    return recording, _run(program, python, str(SEED), str(RANDOM_CALLS)).outcomes


def _run(program: str, python: Path, *arguments: str) -> Recording:
    done = wine.run(program, FOLDER / "prefix", python, wine.windows_path(Path(record.__file__)), *arguments)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    try:
        return Recording.from_lines(lines)
    except ValueError as error:
        raise ValueError(f"{error}\n{done.stderr.decode(errors='replace').strip()[-2000:]}") from None


def compare(console: Console, expected: dict[str, Any], known: set[str], what: str) -> bool:
    """Run cases on the simulated package and show what differs. Whether that is exactly what is known to."""
    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    simulated = SimulatedMetaTrader5(broker, installed=())
    found = {case: outcome(simulated, case) for case in expected}
    others = {case for case in expected if found[case] != expected[case]}
    unknown = [case for case in expected if case in others - known]
    stale = known - others
    for case in unknown[:SHOWN]:
        console.print(f"[red]differs[/red] {escape(case)}")
        console.print(f"  genuine:   {escape(json.dumps(expected[case]))}")
        console.print(f"  simulated: {escape(json.dumps(found[case]))}")
    for case in sorted(stale):
        console.print(f"[red]no longer differs[/red] {escape(case)}")
    is_well = not unknown and not stale
    console.print(
        f"{'[green]✓[/green]' if is_well else '[red]✗[/red]'} {len(expected):,} {what}: "
        f"{len(expected) - len(others):,} the same, {len(others & known)} known differences, {len(unknown)} others"
    )
    return is_well


def main() -> None:
    """Exits with 1 when the two differ in anything that is not known, or the genuine one cannot be run."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        recording, calls = genuine(console)
    except (wine.WineMissing, windows.DownloadFailed, ValueError, subprocess.TimeoutExpired) as error:
        console.print(f"[red]✗[/red] {escape(str(error))}")
        sys.exit(1)
    before = PATH.read_bytes() if PATH.exists() else b""
    recording.write()
    changed = "unchanged" if PATH.read_bytes() == before else "[yellow]changed[/yellow]"
    console.print(f"==> {recording.package}, recorded in {PATH.relative_to(Path.cwd())}: {changed}")
    os.environ["TZ"] = "UTC"
    time.tzset()
    known = differences.cases_of(differences.EVERYWHERE, differences.OBJECT)
    is_well = compare(console, recording.outcomes, known, "cases")
    is_well &= compare(console, calls, set(), "random calls")
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
