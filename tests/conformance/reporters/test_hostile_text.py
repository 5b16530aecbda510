"""Whatever a gateway answers, each file stays whole, and none holds a secret."""

import html
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.exchange import Exchange, Request, Response
from conformance.outcomes import CheckResult, Finding
from conformance.redaction import SHORTEST_REPLACED, Redactor
from conformance.report import RunReport
from conformance.reporters.folder import render_files
from conformance.reporters.legible import visible
from conformance.requirements import Level
from tests.conformance.reporters.conftest import MakeReport, failed, frame
from tests.conformance.reporters.test_document import assert_valid

NASTY = [
    "<script>alert(1)</script>",
    "</pre></article><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "]]>",
    "<!-- -->",
    "{{ 7 * 7 }} {% raw %}",
    "\x00\x08\x1b[31m\r\n\r",
    "\ud800 \udfff",
    "\ufffe\uffff",
    "\u202etxt.exe\u2066",
    "&amp; &#x0; &nosuch;",
    "`a` <b>`",
    "x" * 50_000,
]
texts = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(), max_size=40), st.lists(st.sampled_from(NASTY[:-1])).map("".join)
)
"""With lone surrogates: `st.characters()` leaves none out."""

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def saying(text: str) -> CheckResult:
    """Return a failure whose every foreign text is `text`."""
    body = text.encode("utf-8", "surrogatepass")
    request = Request("POST", f"http://gateway.example/{text}", (("X-Sent", text),), body)
    exchange = Exchange(1, request, Response(200, ((f"X-{text}", text),), body), "placeOrder", text)
    finding = Finding("TONPO-ORD-010", Level.MUST, text, text, text, 1)
    return failed(
        findings=(finding, replace(finding, entry=None)),
        reason=text,
        transcript=(exchange, frame(2, text)),
        curl=(f"curl {text}",),
    )


class Structure(HTMLParser):
    """The tags of a page and the names of their attributes, without any text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment",))


@pytest.fixture
def calm_tags(make_report: MakeReport) -> list[tuple[str, ...]]:
    calm = render_files(make_report(saying("calm"), gateway_version="calm"), Redactor())
    return Structure(calm["report.html"].decode()).tags


@given(text=texts)
@relaxed
def test_no_answer_breaks_a_file(make_report: MakeReport, calm_tags: list[tuple[str, ...]], text: str) -> None:
    files = render_files(make_report(saying(text), gateway_version=text), Redactor())
    assert_valid(json.loads(files["report.json"]))
    ElementTree.fromstring(files["junit.xml"])
    assert json.loads(files["badge.json"])["message"] == "1 failed"
    assert Structure(files["report.html"].decode()).tags == calm_tags


@given(text=st.text(st.characters()))
def test_visible_text_is_allowed_in_xml_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    ElementTree.fromstring(f"<a>{html.escape(shown)}</a>".encode())
    assert visible(shown) == shown


def test_letters_of_all_languages_stay() -> None:
    text = "Größe — 価格 — שלום — 🙂\n\tx"
    assert visible(text) == text


def test_what_cannot_be_shown_is_named() -> None:
    assert visible("a\x00b\x1b\x7f\u202e\ud800\r\nc\rd") == "a␀b␛␡\\u202e\\ud800\nc␍d"


SHAPES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json with letters": lambda secret: json.dumps({"echo": secret}, ensure_ascii=False),
    "url": lambda secret: f"?api_key={quote(secret, safe='')}",
    "html": lambda secret: f"<p>{html.escape(secret)}</p>",
    "python": repr,
    "at the clip": lambda secret: "x" * 19_990 + secret,
    "doubled": lambda secret: secret + secret,
}
secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40).map("pw§{}§".format)
"""With a sign that no report holds of itself: `account_` is a possible password, and found in each."""


def readable(files: dict[str, bytes]) -> str:
    """Return all text of all files as a reader sees it, and as it is."""
    junit = ElementTree.fromstring(files["junit.xml"])
    attributes = [value for element in junit.iter() for value in element.attrib.values()]
    raw = [content.decode() for content in files.values()]
    parsed = [json.dumps(json.loads(files[name]), ensure_ascii=False) for name in ("report.json", "badge.json")]
    seen: list[str] = []

    def gather(node: object) -> None:
        if isinstance(node, str):
            seen.append(node)
        elif isinstance(node, list | dict):
            for one in node.values() if isinstance(node, dict) else node:
                gather(one)

    gather(json.loads(files["report.json"]))
    return "\n".join(
        [*raw, *parsed, *seen, html.unescape(files["report.html"].decode()), *junit.itertext(), *attributes]
    )


@pytest.mark.parametrize("shape", SHAPES)
@given(secret=secrets)
@settings(relaxed, max_examples=15)
def test_no_file_holds_a_secret(make_report: MakeReport, shape: str, secret: str) -> None:
    redactor = Redactor()
    redactor.register(secret, "TONPO_API_KEY")
    assert len(secret) >= SHORTEST_REPLACED
    files = render_files(make_report(saying(SHAPES[shape](secret)), gateway_version=secret), redactor)
    assert secret not in readable(files)


def test_a_body_that_is_no_text_is_shown_as_bytes_without_its_secrets(make_report: MakeReport) -> None:
    redactor = Redactor()
    redactor.register("pw-8f3a1c", "MT5_PASSWORD")
    request = Request("POST", "http://gateway.example/", (), b"\xff pw-8f3a1c")
    exchange = Exchange(1, request, Response(200, (), b"\xff pw-8f3a1c"))
    text = readable(render_files(make_report(failed(transcript=(exchange,))), redactor))
    assert "\\xff\\x20\\x24\\x4d" in text
    for shape in ("pw-8f3a1c", "".join(f"\\x{byte:02x}" for byte in b"pw-8f3a1c")):
        assert shape not in text


@pytest.mark.parametrize("unknown", ["sk_live_tonpo_0123456789abcdefghij", "sk_test_tonpo_0123456789"])
def test_what_looks_like_a_key_is_hidden_although_nobody_registered_it(make_report: MakeReport, unknown: str) -> None:
    assert unknown not in readable(render_files(make_report(saying(f"key {unknown}.")), Redactor()))


@pytest.mark.parametrize("field", ["mt5Password", "password", "api_key", "auth_token"])
def test_what_a_field_announces_as_secret_is_hidden(make_report: MakeReport, field: str) -> None:
    said = json.dumps({field: "hunter2", "other": 1})
    assert "hunter2" not in readable(render_files(make_report(saying(said)), Redactor()))


def test_the_notice_names_the_placeholders(make_report: MakeReport) -> None:
    redactor = Redactor()
    redactor.register("pw-8f3a1c", "MT5_PASSWORD")
    report: RunReport = make_report(saying("the password pw-8f3a1c"))
    document = json.loads(render_files(report, redactor)["report.json"])
    assert document["redaction"]["placeholders"] == ["$MT5_PASSWORD"]
    assert document["checks"][0]["findings"][0]["message"] == "the password $MT5_PASSWORD"
