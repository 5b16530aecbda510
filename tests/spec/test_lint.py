from collections.abc import Callable
from pathlib import Path

import pytest

from spec.lint import Finding, lint

Edit = Callable[[str, str, str], Path]
FILES = ("openapi.yaml", "asyncapi.yaml", "requirements.yaml")


def lint_folder(folder: Path) -> list[Finding]:
    return lint([folder / name for name in FILES])


def test_a_sound_contract_has_no_findings(contract: Path) -> None:
    assert lint_folder(contract) == []


def test_the_packaged_contract_has_no_findings() -> None:
    assert [str(finding) for finding in lint()] == []


OPENAPI_FAULTS = {
    "yaml-syntax": ("info: {title: Small, version: 1.0.0}", "info: {title: Small"),
    "key-duplicate": ("      operationId: getThing\n", "      operationId: getThing\n      operationId: getThing\n"),
    "openapi-standard": ("info: {title: Small, version: 1.0.0}", "info: {title: Small}"),
    "operation-id": ("      operationId: getThing\n", ""),
    "operation-id-unique": ("operationId: deleteThing", "operationId: getThing"),
    "operation-summary": ("      summary: Get a thing\n", ""),
    "operation-description": ("      description: Get one thing.\n", ""),
    "operation-source": ("      x-source: the docs\n", ""),
    "parameter-description": ("description: Which thing., ", ""),
    "parameter-example": (", example: a}\n      responses", "}\n      responses"),
    "schema-description": ("      description: A thing.\n", ""),
    "property-description": (", description: Its size in metres.", ""),
    "property-example": ("nullable: true, example: 3", "nullable: true"),
    "example-invalid": ("example: 3", "example: big"),
    "ref-broken": ("#/components/schemas/Thing", "#/components/schemas/Thingy"),
    "component-unused": ("  schemas:\n", "  schemas:\n    Idle: {type: string, description: Idle., example: a}\n"),
    "error-schema": ('schema: {$ref: "#/components/schemas/Error"}', "schema: {type: object}"),
    "error-reasons": ("          x-reasons: [thing_not_found]\n", ""),
    "error-reason-unknown": ("x-reasons: [thing_not_found]", "x-reasons: [thing_lost]"),
    "error-reason-unused": ("[thing_not_found, thing_locked]", "[thing_not_found, thing_locked, thing_eaten]"),
}


@pytest.mark.parametrize("rule", OPENAPI_FAULTS)
def test_a_faulty_rest_document_is_found_with_its_rule_and_line(rule: str, contract: Path, edit: Edit) -> None:
    path = edit("openapi.yaml", *OPENAPI_FAULTS[rule])
    found = [finding for finding in lint_folder(contract) if finding.rule == rule]
    assert found
    assert all(finding.file == path and finding.line > 1 for finding in found)


ASYNCAPI_FAULTS = {
    "asyncapi-standard": ("action: send", "action: shout"),
    "operation-description": ("    summary: Every thing.\n", ""),
    "operation-message": ("#/channels/stream/messages/thing", "#/components/messages/thing"),
    "message-description": ("      summary: A thing.\n", ""),
    "message-example": ("      examples:\n        - {name: one, payload: {name: a, size: null}}\n", ""),
    "message-schema-format": ("openapi;version=3.0.0", "openapi;version=3.1.0"),
    "example-invalid": ("{name: a, size: null}", "{name: a, size: large}"),
    "ref-broken": ("./openapi.yaml#/components/schemas/Thing", "./openapi.yaml#/components/schemas/Thingy"),
}


@pytest.mark.parametrize("rule", ASYNCAPI_FAULTS)
def test_a_faulty_stream_document_is_found_with_its_rule_and_line(rule: str, contract: Path, edit: Edit) -> None:
    path = edit("asyncapi.yaml", *ASYNCAPI_FAULTS[rule])
    found = [finding for finding in lint_folder(contract) if finding.rule == rule]
    assert any(finding.file == path and finding.line > 1 for finding in found)


LEDGER_FAULTS = {
    "an id between the tens": ("TONPO-THG-020", "TONPO-THG-021", "ledger-schema"),
    "an id used twice": ("TONPO-THG-020", "TONPO-THG-010", "ledger-id-unique"),
    "an unknown level": ("level: SHOULD", "level: OUGHT", "ledger-schema"),
    "an unknown profile": ("profile: core", "profile: basic", "ledger-schema"),
    "an extended row without capability": ("    capability: deletion\n", "", "ledger-schema"),
    "a core row with capability": ("profile: core", "profile: core\n    capability: deletion", "ledger-schema"),
    "an unknown capability": ("capability: deletion", "capability: flying", "ledger-capability"),
    "an empty text": ("text: A thing has a name.", "text: ''", "ledger-schema"),
    "an empty source": (
        "    source: the docs\n    observable: true",
        "    source: ' '\n    observable: true",
        "ledger-schema",
    ),
    "no reason for the unobservable": ("    why: Nobody can see it.\n", "", "ledger-schema"),
    "a reason for the observable": ("observable: true", "observable: true\n    why: it is", "ledger-schema"),
    "an unknown field": ("observable: true", "observable: true\n    colour: red", "ledger-schema"),
}


@pytest.mark.parametrize("fault", LEDGER_FAULTS)
def test_a_faulty_ledger_is_found_with_its_row(fault: str, contract: Path, edit: Edit) -> None:
    old, new, rule = LEDGER_FAULTS[fault]
    path = edit("requirements.yaml", old, new)
    found = lint_folder(contract)
    assert {finding.rule for finding in found} == {rule}
    assert all(finding.file == path and finding.line > 1 for finding in found)
    assert any("TONPO-THG-0" in finding.message for finding in found)


def test_a_finding_names_the_line_of_the_fault(contract: Path, edit: Edit) -> None:
    path = edit("openapi.yaml", "example: 3", "example: big")
    line = next(n for n, text in enumerate(path.read_text("utf-8").splitlines(), 1) if "example: big" in text)
    assert [(one.line, one.rule) for one in lint_folder(contract)] == [(line, "example-invalid")]


@pytest.mark.parametrize("text", ["", "[]", "1", "a: 1", "\tb", "? [a]\n: b", "openapi: 3.0.3", "asyncapi: 3.0.0",
                                  "requirements: 5", "openapi: {}\npaths: []\ncomponents: 7", "&a [*a]", "[" * 5000,
                                  "openapi: 3.0.3\npaths: {/a: {get: []}}\ninfo: {title: a, version: b}",
                                  "asyncapi: 3.0.0\noperations: {a: {messages: 3}}\nchannels: {b: 4}"])  # fmt: skip
def test_no_text_whatsoever_makes_the_linter_fall_over(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    findings = lint([path])
    assert findings
    assert all(finding.file == path for finding in findings)


def test_bytes_that_are_not_text_are_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert [finding.rule for finding in lint([path])] == ["yaml-syntax"]


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    assert [finding.rule for finding in lint([tmp_path / "absent.yaml"])] == ["file"]
