"""report.json is what its schema says, for every outcome."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.outcomes import Finding, Status, Verdict
from conformance.redaction import Redactor
from conformance.report import RequirementStatus
from conformance.reporters.document import MOST_FINDINGS, Document, build_document
from conformance.reporters.transcripts import CITED_CHARACTERS, FIRST_ENTRIES, LAST_ENTRIES, chosen_entries
from conformance.requirements import Level
from conformance.target import Credentials, TargetConfig
from tests.conformance.reporters.conftest import MakeReport, exchange, failed, frame, one_of_each

SCHEMA = json.loads((Path(__file__).parents[3] / "spec" / "report.schema.json").read_text(encoding="utf-8"))


def assert_valid(document: Document) -> None:
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_schema_names_every_status() -> None:
    names = SCHEMA["definitions"]
    assert set(names["status"]["enum"]) == set(names["counts"]["properties"]) == {one.value for one in Status}
    assert set(names["requirement_status"]["enum"]) == {one.value for one in RequirementStatus}
    assert set(names["level"]["enum"]) == {one.value for one in Level}
    assert set(SCHEMA["properties"]["verdict"]["enum"]) == {one.value for one in Verdict}


def test_a_run_with_every_outcome_is_valid(make_report: MakeReport) -> None:
    document = build_document(make_report(*one_of_each()), Redactor())
    assert_valid(document)
    assert document["counts"] == {status.value: 1 for status in Status}
    assert [check["status"] for check in document["checks"]] == [status.value for status in Status]
    assert document["requirements"][0]["executed"] == sum(status.is_executed for status in Status)


def test_a_missing_member_is_found(make_report: MakeReport) -> None:
    document = build_document(make_report(), Redactor())
    del document["checks"][0]["findings"][0]["requirement"]
    with pytest.raises(jsonschema.ValidationError):
        assert_valid(document)


def test_no_member_is_beyond_the_schema(make_report: MakeReport) -> None:
    document = build_document(make_report(), Redactor())
    document["checks"][0]["colour"] = "blue"
    with pytest.raises(jsonschema.ValidationError):
        assert_valid(document)


def test_keys_and_accounts_are_counted_and_not_named(make_report: MakeReport) -> None:
    account = Credentials("123", "pw-8f3a1c", "Server")
    target = TargetConfig("http://gateway.example", api_keys=("key-one", "key-two"), accounts=(account,))
    document = build_document(make_report(target=target), Redactor())
    assert_valid(document)
    assert (document["target"]["api_keys"], document["target"]["accounts"]) == (2, 1)
    assert not any(secret in json.dumps(document) for secret in ("key-one", "key-two", "pw-8f3a1c"))


def test_a_failure_has_its_transcript_with_offsets_and_curl(make_report: MakeReport) -> None:
    check = build_document(make_report(), Redactor())["checks"][0]
    first, second = check["transcript"]
    assert (first["at_ms"], first["response"]["body"], second["at_ms"]) == (
        1.5,
        {"bytes": 12, "text": '{"ok": true}'},
        3.8,
    )
    assert check["commands"] == [first["curl"]]
    assert first["curl"].startswith("curl -sS -i -X POST http://gateway.example/api/orders")


def test_a_huge_body_is_clipped_and_its_length_told(make_report: MakeReport) -> None:
    document = build_document(make_report(failed(transcript=(exchange(body=b"x" * 3_000_000),))), Redactor())
    body = document["checks"][0]["transcript"][0]["response"]["body"]
    assert body["bytes"] == 3_000_000
    assert len(body["text"]) < CITED_CHARACTERS + 100
    assert body["text"].endswith("more characters)")


def test_findings_beyond_the_most_are_counted(make_report: MakeReport) -> None:
    many = tuple(Finding(None, Level.SHOULD, str(number)) for number in range(MOST_FINDINGS + 3))
    check = build_document(make_report(failed(findings=many)), Redactor())["checks"][0]
    assert (len(check["findings"]), check["findings_omitted"]) == (MOST_FINDINGS, 3)


@given(st.integers(0, 500), st.sets(st.integers(1, 500), max_size=5))
def test_both_ends_and_what_is_cited_stay_in_order(length: int, cited: set[int]) -> None:
    entries = [frame(number) for number in range(1, length + 1)]
    numbers = [entry.number for entry in chosen_entries(entries, cited)]
    assert numbers == sorted(set(numbers))
    assert {one for one in cited if one <= length} <= set(numbers)
    assert {*range(1, min(length, FIRST_ENTRIES) + 1)} <= set(numbers)
    assert {*range(max(1, length - LAST_ENTRIES + 1), length + 1)} <= set(numbers)
    assert len(numbers) <= FIRST_ENTRIES + LAST_ENTRIES + 3 * len(cited)


def test_a_report_that_never_passed_a_check_is_valid(make_report: MakeReport) -> None:
    document = build_document(
        make_report(requirements=(), results=(), gateway_version=None, is_interrupted=True), Redactor()
    )
    assert_valid(document)
    assert document["exit_code"] == 2


def test_every_field_of_a_target_is_told_or_secret(make_report: MakeReport) -> None:
    told = set(build_document(make_report(), Redactor())["target"])
    assert {one.name for one in dataclasses.fields(TargetConfig)} - told == {"seed", "bad_account", "ca_file"}
