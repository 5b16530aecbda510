"""report.html needs nothing from elsewhere, reads without scripts and leads from one part to the other."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from conformance.outcomes import Status
from conformance.redaction import Redactor
from conformance.report import RequirementRow, RequirementStatus
from conformance.reporters.chart import draw_chart
from conformance.reporters.document import build_document
from conformance.reporters.html import FIRST_ENTRIES, LAST_ENTRIES, build_page
from tests.conformance.reporters.conftest import MakeReport, failed, frame, one_of_each


class Page(HTMLParser):
    """The attributes of all tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value or "") for name, value in attrs]

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.found if key == name]


@pytest.fixture
def text(make_report: MakeReport) -> str:
    return build_page(build_document(make_report(*one_of_each()), Redactor())).decode()


def test_nothing_is_fetched_from_elsewhere(text: str) -> None:
    page = Page(text)
    assert all(value.startswith("#") for value in page.values("href"))
    assert page.values("src") == []
    assert "@import" not in text
    assert "url(" not in text


def test_only_the_page_s_own_style_and_script_may_run(text: str) -> None:
    policy = next(value for value in Page(text).values("content") if value.startswith("default-src 'none'"))
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not any(name == "style" or name.startswith("on") for _, name, _ in Page(text).found)


def test_each_id_is_unique_and_each_link_leads_somewhere(text: str) -> None:
    page = Page(text)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in page.values("href")} <= set(ids)


def test_each_check_that_needs_attention_is_shown_with_its_evidence(text: str) -> None:
    for status in (Status.FAIL, Status.ERROR, Status.FLAKY, Status.WARN):
        assert f'<article class="problem {status.value}"' in text
    assert "it is wrong" in text
    assert "An order MUST be placed." in text
    assert "curl -sS -i -X POST http://gateway.example/api/orders" in text
    assert "Transcript: 2 entries" in text


def test_a_green_run_has_no_list_of_problems(make_report: MakeReport) -> None:
    green = failed(status=Status.PASS, findings=(), transcript=())
    text = build_page(build_document(make_report(green), Redactor())).decode()
    assert "Failures and warnings" not in text


def test_checks_that_say_the_same_are_one_card(make_report: MakeReport) -> None:
    results = [failed(id=f"orders.{number}", title=f"Order {number}") for number in range(30)]
    text = build_page(build_document(make_report(*results), Redactor())).decode()
    assert text.count("<article") == 1
    assert "The same in 29 more checks" in text
    assert all(f'id="orders.{number}"' in text for number in range(30))


def test_the_middle_of_a_long_transcript_is_left_out_but_for_what_is_cited(make_report: MakeReport) -> None:
    finding = replace(failed().findings[0], entry=80)
    result = failed(findings=(finding,), transcript=tuple(frame(number) for number in range(1, 161)))
    text = build_page(build_document(make_report(result), Redactor())).decode()
    shown = [int(number) for number in re.findall(r'id="orders\.one--(\d+)"', text)]
    last = 160 - LAST_ENTRIES
    assert shown == [*range(1, FIRST_ENTRIES + 1), 80, *range(last + 1, 161)]
    assert text.count("only in report.json") == 2


def test_the_chart_is_described_for_those_who_cannot_see_it(text: str) -> None:
    assert re.search(r'<svg[^>]* role="img" aria-labelledby="chart-title chart-text"', text)
    assert "orders: 1 pass, 1 fail, 1 warning" in text


def test_bars_are_alike_in_length_and_a_single_failure_among_many_is_seen(make_report: MakeReport) -> None:
    passed = [failed(id=f"orders.{number}", status=Status.PASS, findings=()) for number in range(500)]
    results = [failed(), *passed, failed(id="errors.one", area="errors")]
    many, one = draw_chart(build_document(make_report(*results), Redactor())["areas"]).bars
    assert (many.total, one.total, many.total_x, one.total_x) == (501, 1, "92.000%", "92.000%")
    assert [(part.status, part.count) for part in many.segments] == [("pass", 500), ("fail", 1)]
    assert float(many.segments[1].width[:-1]) > 1
    end = float(many.segments[1].x[:-1]) + float(many.segments[1].width[:-1])
    assert end == pytest.approx(92.0, abs=0.01)


def test_thousands_of_rows_are_written_quickly_enough_to_be_read(make_report: MakeReport) -> None:
    report = make_report()
    row = report.requirements[0]
    rows = tuple(
        RequirementRow(replace(row.requirement, id=f"TONPO-ORD-{number}"), RequirementStatus.HOLDS, row.tally, ())
        for number in range(3000)
    )
    text = build_page(build_document(replace(report, requirements=(*rows, row)), Redactor())).decode()
    assert text.count("data-status=") == 3001
    assert len(text) < 3_000_000
