import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spec.cli import spec

Edit = Callable[[str, str, str], Path]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(spec, [str(one) for one in arguments])


def test_linting_the_packaged_contract_succeeds() -> None:
    result = run("lint")
    assert result.exit_code == 0, result.output
    assert "nothing to report" in result.output


def test_linting_a_faulty_document_prints_file_line_and_rule(edit: Edit) -> None:
    path = edit("openapi.yaml", "      x-source: the docs\n", "")
    result = run("lint", path)
    assert result.exit_code == 1
    assert f"{path}:5:5: operation-source: " in result.output


def test_a_bundle_is_written_where_asked(contract: Path) -> None:
    result = run("bundle", contract / "asyncapi.yaml", "--out", contract / "build", "--format", "json")
    assert result.exit_code == 0, result.output
    target = contract / "build" / "asyncapi.json"
    assert json.loads(target.read_text("utf-8"))["components"]["schemas"].keys() == {"Thing", "Deleted"}


def test_both_packaged_documents_are_bundled_by_default(tmp_path: Path) -> None:
    assert run("bundle", "--out", tmp_path).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"openapi.yaml", "asyncapi.yaml"}


def test_a_bundle_of_the_core_has_no_capabilities(contract: Path) -> None:
    result = run("bundle", contract / "openapi.yaml", "--core", "--format", "json")
    assert json.loads(result.stdout)["components"]["schemas"].keys() == {"Thing", "Error"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["bundle", "requirements.yaml"],
        ["bundle", "openapi.yaml", "--capability", "flying"],
        ["bundle", "absent.yaml"],
        ["bundle"],
        ["diff", "openapi.yaml", "asyncapi.yaml"],
        ["diff", "openapi.yaml", "requirements.yaml"],
        ["diff", "openapi.yaml"],
        ["lint", "absent.yaml"],
        ["frobnicate"],
    ],
)
def test_misuse_exits_2_with_one_clear_sentence(arguments: list[str], contract: Path) -> None:
    result = run(*(contract / one if one.endswith(".yaml") else one for one in arguments))
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "Traceback" not in result.output


def test_a_broken_reference_is_misuse_of_bundle(edit: Edit) -> None:
    path = edit("asyncapi.yaml", "./openapi.yaml#/components/schemas/Thing", "./openapi.yaml#/components/schemas/No")
    result = run("bundle", path)
    assert result.exit_code == 2
    assert "points to nothing" in result.output


def test_a_breaking_change_exits_1_and_is_grouped(contract: Path, edit: Edit) -> None:
    old = contract / "old.yaml"
    old.write_bytes((contract / "openapi.yaml").read_bytes())
    new = edit("openapi.yaml", "required: [name]", "required: [name, size]")
    result = run("diff", old, new)
    assert result.exit_code == 1
    assert result.output.startswith("breaks gateways:\n  getThing 200.size: became required\n")
    assert run("diff", old, old).exit_code == 0
    assert run("diff", old, old).output == "no changes\n"


@pytest.mark.parametrize("command", ["lint", "bundle", "diff"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert "Example:" in run(command, "--help").output
