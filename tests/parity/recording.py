"""The recorded behaviour of the genuine package: `genuine.json`, one line per case."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parity.cases import fingerprint

PATH = Path(__file__).with_name("genuine.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What the cases came to, and on what. `cases` is the fingerprint of the case list that it was made with."""

    package: str
    python: str
    numpy: str
    last_error: list[Any]
    cases: str
    outcomes: dict[str, dict[str, Any]]

    @classmethod
    def from_lines(cls, lines: list[dict[str, Any]]) -> "Recording":
        """From what `record.py` prints. Raises ValueError when it did not come to its end."""
        if not lines or "package" not in lines[0]:
            raise ValueError("the package could not be imported")
        if "ends" not in lines[-1]:
            raise ValueError(f"the process ended during {lines[-1].get('begins', lines[-1])!r}")
        outcomes = {line["case"]: line["outcome"] for line in lines if "case" in line}
        return cls(**lines[0], cases=fingerprint(), outcomes=outcomes)

    @classmethod
    def read(cls, path: Path = PATH) -> "Recording":
        """Raises OSError, ValueError."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path = PATH) -> None:
        """Write one line per case, in the order of the cases."""
        head = {name: getattr(self, name) for name in ("package", "python", "numpy", "last_error", "cases")}
        lines = [f"{json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        cases = ",\n".join(f"{json.dumps(case)}: {json.dumps(found)}" for case, found in self.outcomes.items())
        path.write_text("{\n" + "\n".join(lines) + '\n"outcomes": {\n' + cases + "\n}\n}\n", encoding="utf-8")
