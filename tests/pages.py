"""The programs that stand in the pages of the documentation."""

import re
import textwrap
from pathlib import Path

PROGRAM = re.compile(r"^(?P<indent> *)```python\n(?P<text> *# (?P<name>\w+\.py)\n.*?)^ *```$", re.MULTILINE | re.DOTALL)


def programs_of(page: Path) -> dict[str, str]:
    """Every Python block that begins with a comment that is a file's name, by that name."""
    text = page.read_text(encoding="utf-8")
    return {found["name"]: textwrap.dedent(found["text"]) for found in PROGRAM.finditer(text)}
