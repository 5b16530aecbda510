"""Prints, as JSON lines, what every case comes to on the `MetaTrader5` package that this Python has.

Run by `make parity` on a Windows Python: `python record.py`, or `python record.py SEED COUNT` for random calls in place
of the cases. Needs numpy and the package, nothing else. The first line describes the package; each case has a line
before it runs and one after, so that a case that ends the process is known.
"""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any


def say(line: dict[str, Any]) -> None:
    """One line to stdout, at once."""
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Run every case, or random calls."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ["TZ"] = "UTC"
    import MetaTrader5  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy as np

    from tests.parity.cases import CASES
    from tests.parity.outcome import outcome
    from tests.parity.random_calls import random_calls

    cases = random_calls(*map(int, sys.argv[1:3])) if sys.argv[1:] else CASES
    say(
        {
            "package": f"MetaTrader5 {MetaTrader5.__version__}",
            "python": platform.python_version(),
            "numpy": np.__version__,
            "last_error": list(MetaTrader5.last_error()),
        }
    )
    for case in cases:
        say({"begins": case})
        say({"case": case, "outcome": outcome(MetaTrader5, case)})
    say({"ends": len(cases)})


if __name__ == "__main__":
    main()
