"""The documentation's pages: offline, without scripts or styles inside, and with what browsers need to be strict."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from spec.yaml_source import read_yaml

from .conftest import Client
from .scripted import gateway_application

PAGES = ("/docs", "/docs/rest", "/docs/stream")
SITE = files("reference_server.api") / "site"
LINK = re.compile(r'(?:src|href)="([^"]+)"')
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def pages(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serve(gateway_application(tmp_path_factory.mktemp("pages"))) as address:
        yield Client(address)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_public_and_strict(pages: Client, path: str) -> None:
    page = pages("GET", path, key=None)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy.get("script-src", "'self'") == "'self'"
    assert "http" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "camera=()" in page.headers["permissions-policy"]
    assert page.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_script_or_style_inside_and_all_that_it_names_is_there(pages: Client, path: str) -> None:
    text = pages("GET", path, key=None).content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text) == []
    assert "{{" not in text
    for link in set(LINK.findall(text)):
        assert link.startswith("/"), f"{link} is elsewhere"
        found = pages("GET", link, key=None)
        assert found.status == 200, link
        if link.startswith("/docs/files/"):
            assert "immutable" in found.headers["cache-control"]
            assert found.headers["x-content-type-options"] == "nosniff"
            assert hashlib.sha256(found.content).hexdigest().startswith(link.split("/")[-1].split("-")[0])


def test_vendored_files_are_exactly_those_of_the_manifest() -> None:
    folder = SITE / "vendor"
    rows = {row["name"]: row for row in read_yaml(Path(str(folder)) / "MANIFEST.yaml")["files"]}
    assert {file.name for file in folder.iterdir()} == {*rows, "MANIFEST.yaml"}
    for name, row in rows.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == row["sha256"]
        assert row["licence"]


def test_all_files_together_are_small() -> None:
    own = [file for file in SITE.iterdir() if file.is_file()]
    assert sum(len(file.read_bytes()) for file in [*own, *(SITE / "vendor").iterdir()]) < MOST_BYTES


def test_the_rest_page_asks_no_foreign_host_and_keeps_no_key() -> None:
    script = (SITE / "rest.js").read_text()
    assert "validatorUrl: null" in script
    assert "persistAuthorization: false" in script
    for name in ("rest.js", "stream.js"):
        assert re.findall(r"https?://|localStorage|sessionStorage|innerHTML|cookie", (SITE / name).read_text()) == []


def test_an_operator_can_switch_the_pages_off_and_keeps_the_documents(serve: Any, tmp_path: Path) -> None:
    with serve(gateway_application(tmp_path, docs_pages=False)) as address:
        ask = Client(address)
        assert [ask("GET", path, key=None).status for path in PAGES] == [404] * 3
        assert ask("GET", "/openapi.json", key=None).status == ask("GET", "/asyncapi.yaml", key=None).status == 200
