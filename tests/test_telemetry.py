"""Log lines: form, request id, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from reference_server.telemetry import HIDDEN, configure_logging, hide_secrets, scrub
from reference_server.usecases.auditing import ORIGIN, Origin

KEY = "sk_live_tonpo_" + "aZ9" * 12


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_are_json_off_a_terminal_and_carry_the_request_id(stream: io.StringIO) -> None:
    configure_logging("info", "auto", stream)
    token = ORIGIN.set(Origin("req_1"))
    try:
        structlog.get_logger("tonpo").info("account_created", account_id="acc_1", accounts=3)
    finally:
        ORIGIN.reset(token)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "account_created",
        "account_id": "acc_1",
        "accounts": 3,
        "request_id": "req_1",
        "level": "info",
        "logger": "tonpo",
    }


def test_lines_of_libraries_take_the_same_form(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    logging.getLogger("some.library").warning("lost %s after %d s", "contact", 3)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("lost contact after 3 s", "warning", "some.library")


def test_console_is_for_people(stream: io.StringIO) -> None:
    configure_logging("info", "console", stream)
    structlog.get_logger("tonpo").info("listening", port=8080)
    assert "listening" in stream.getvalue()
    assert "port=8080" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_level_is_respected(stream: io.StringIO) -> None:
    configure_logging("warning", "json", stream)
    structlog.get_logger("tonpo").info("detail")
    logging.getLogger("library").info("detail")
    assert stream.getvalue() == ""


def test_debug_lines_of_libraries_that_print_headers_stay_off(stream: io.StringIO) -> None:
    configure_logging("debug", "json", stream)
    logging.getLogger("websockets.server").debug("< x-api-key: %s", KEY)
    assert stream.getvalue() == ""


def test_setting_up_twice_writes_each_line_once(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    configure_logging("info", "json", stream)
    logging.getLogger("library").warning("once")
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_cut_out_of_fields_texts_and_tracebacks(stream: io.StringIO, form: str) -> None:
    configure_logging("info", form, stream)
    log = structlog.get_logger("tonpo")
    log.info("created", mt5Password="hush-1", nested={"x-api-key": "hush-2", "rows": [{"auth_token": "hush-3"}]})
    logging.getLogger("uvicorn.error").warning('%s - "WebSocket %s" [accepted]', "1.2.3.4", "/ws?api_key=hush-4&x=1")
    try:
        raise RuntimeError(f"refused {KEY}")
    except RuntimeError:
        log.exception("failed", url="/ws?x=1&API_KEY=hush-5")
        logging.getLogger("library").exception("failed")
    written = stream.getvalue()
    assert "hush" not in written
    assert "sk_live" not in written
    assert written.count(HIDDEN) >= 7
    assert "RuntimeError" in written
    assert "x=1" in written


@given(st.text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=5), st.text(), st.text())
def test_no_key_survives_in_any_text(rest: str, before: str, after: str) -> None:
    for prefix in ("sk_live_", "nk_tonpo_"):
        assert f"{prefix}{rest}" not in scrub(f"{before}{prefix}{rest} {after}")


@given(
    st.recursive(
        st.just("hush"), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=5
    )
)
def test_secret_field_hides_whatever_it_holds(value: object) -> None:
    assert hide_secrets(None, "info", {"Mt5_Password": value}) == {"Mt5_Password": HIDDEN}
