import hashlib
from pathlib import Path

import spec
from spec.yaml_source import read_yaml

FOLDER = Path(spec.__file__).parent / "vendor"


def test_vendored_files_are_exactly_those_of_the_manifest() -> None:
    rows = {row["name"]: row for row in read_yaml(FOLDER / "MANIFEST.yaml")["files"]}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == {*rows, "MANIFEST.yaml"}
    for name, row in rows.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == row["sha256"]
        assert row["licence"]
