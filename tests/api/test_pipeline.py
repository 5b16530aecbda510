"""The compiled pipeline over real sockets: every trap of the framework as a fact."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_server.api.connection import http_protocol

from .conftest import KEY, Answer, Client, Small

JSON_TYPE = {"Content-Type": "application/json"}
ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}


def fields(answer: Answer) -> dict[str, str]:
    return {one["field"]: one["message"] for one in answer.json["details"]}


def assert_error(answer: Answer, status: int, kind: str, reason: str) -> None:
    assert answer.status == status, answer.content
    body = answer.json
    assert (body["code"], body["type"], body["reason"]) == (status, kind, reason)
    assert isinstance(body["error"], str)
    assert body["error"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert ("details" in body) == (status == 400)


def test_an_answer_has_the_contracts_status_and_a_request_id(client: Client, gateway: Small) -> None:
    answer = client("POST", "/things", body=ORDER)
    assert answer.status == 201
    assert answer.json["body"] == ORDER
    assert answer.headers["x-request-id"]


def test_a_sane_request_id_of_the_client_is_kept_and_any_other_replaced(client: Client, gateway: Small) -> None:
    assert (
        client("GET", "/health", headers={"X-Request-ID": "trace-1:2.3_4"}).headers["x-request-id"] == "trace-1:2.3_4"
    )
    for insane in ("", "x" * 65, "a b", "<script>", "é", "sk_live_tonpo_by_mistake"):
        assert client("GET", "/health", headers={"X-Request-ID": insane}).headers["x-request-id"].startswith("req_")


def test_an_unknown_path_is_404_in_our_shape(client: Client, gateway: Small) -> None:
    for path in ("/nope", "/", "/things/1/2", "/health/", "/things/", "//health", "/%2e%2e/health"):
        assert_error(client("GET", path), 404, "not_found", "path_not_found")


def test_a_method_that_the_path_lacks_is_405_with_every_method_that_it_has(client: Client, gateway: Small) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = client(method, "/things")
        assert_error(answer, 405, "invalid_request_error", "method_not_allowed")
        assert answer.headers["allow"] == "GET, POST"
    assert client("POST", "/things/1").headers["allow"] == "GET"


def test_head_is_405_and_has_no_body(client: Client, gateway: Small) -> None:
    answer = client("HEAD", "/health")
    assert (answer.status, answer.headers["allow"], answer.content) == (405, "GET", b"")


def test_plain_http_at_the_stream_is_told_to_upgrade(client: Client, gateway: Small) -> None:
    assert_error(client("GET", "/ws"), 400, "invalid_request_error", "invalid_parameter")
    answer = client("POST", "/ws")
    assert_error(answer, 405, "invalid_request_error", "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("key", "reason"),
    [(None, "missing_api_key"), ("", "missing_api_key"), (" ", "missing_api_key"), ("wrong", "invalid_api_key"),
     ("é", "invalid_api_key"), ("k" * 5000, "invalid_api_key")],
)  # fmt: skip
def test_a_missing_or_bad_key_is_401(client: Client, gateway: Small, key: str | None, reason: str) -> None:
    assert_error(client("GET", "/things", key=key), 401, "authentication_error", reason)
    assert gateway.calls == []


def test_the_key_comes_before_parameters_and_body(client: Client, gateway: Small) -> None:
    assert client("GET", "/things/x", key=None).status == 401
    assert client("POST", "/things", body=b"{", key="wrong").status == 401


def test_a_full_minute_is_429_with_retry_after_of_at_least_one_second(client: Client, gateway: Small) -> None:
    answers = [client("GET", "/things", key="a-free-key") for _ in range(61)]
    assert [one.status for one in answers] == [200] * 60 + [429]
    assert_error(answers[-1], 429, "rate_limit_error", "request_rate")
    assert answers[-1].headers["retry-after"] == "1"


def test_a_public_operation_is_not_limited_by_plan(client: Client, gateway: Small) -> None:
    assert client("GET", "/health", key=None).status == 200
    assert gateway.calls[-1].user is None


def test_parameters_arrive_in_the_contracts_type(client: Client, gateway: Small) -> None:
    client("GET", "/things/7?limit=3&deep=true&other=1", headers={"x-mode": "a"})
    assert gateway.calls[-1].parameters == {"ticket": 7, "limit": 3, "deep": True, "X-Mode": "a"}


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("/things/abc", "ticket", "must be a whole number"),
        ("/things/0", "ticket", "must be at least 1"),
        ("/things/1.0", "ticket", "must be a whole number"),
        ("/things/١", "ticket", "must be a whole number"),
        ("/things/" + "9" * 400, "ticket", "must be a whole number"),
        ("/things/1?limit=11", "limit", "must be at most 10"),
        ("/things/1?limit=", "limit", "must be a whole number"),
        ("/things/1?limit=1&limit=2", "limit", "must be given once"),
        ("/things/1?deep=yes", "deep", "must be true or false"),
    ],
)
def test_a_bad_parameter_is_400_and_named(client: Client, gateway: Small, path: str, field: str, message: str) -> None:
    answer = client("GET", "".join(one if one.isascii() else "%D9%A1" for one in path))
    assert_error(answer, 400, "invalid_request_error", "invalid_parameter")
    assert fields(answer) == {field: message}


def test_a_bad_header_parameter_is_400_and_named(client: Client, gateway: Small) -> None:
    answer = client("GET", "/things/1", headers={"X-Mode": "c"})
    assert fields(answer) == {"X-Mode": "must be a or b"}


def test_an_encoded_slash_belongs_to_the_parameter(client: Client, gateway: Small) -> None:
    client("GET", "/symbols/EUR%2FUSD")
    assert gateway.calls[-1].parameters == {"symbol": "EUR/USD"}
    client("GET", "/symbols/%23US30%20x")
    assert gateway.calls[-1].parameters == {"symbol": "#US30 x"}


def test_a_body_without_content_length_is_read(client: Client, gateway: Small) -> None:
    content = json.dumps(ORDER).encode()
    answer = client("POST", "/things", body=iter([content[:10], content[10:]]), headers=JSON_TYPE)
    assert answer.status == 201
    assert gateway.calls[-1].body == ORDER


@pytest.mark.parametrize("media_type", [
    "application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])  # fmt: skip
def test_json_is_accepted_by_any_spelling_of_its_media_type(client: Client, gateway: Small, media_type: str) -> None:
    content = json.dumps(ORDER).encode()
    assert client("POST", "/things", body=content, headers={"Content-Type": media_type}).status == 201


@pytest.mark.parametrize("media_type", [
    "text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1", "application/jsonx",
    "multipart/form-data"])  # fmt: skip
def test_any_other_media_type_is_415(client: Client, gateway: Small, media_type: str) -> None:
    answer = client("POST", "/things", body=b"{}", headers={"Content-Type": media_type})
    assert_error(answer, 415, "invalid_request_error", "unsupported_media_type")


def test_a_compressed_body_is_415(client: Client, gateway: Small) -> None:
    answer = client("POST", "/things", body=b"\x1f\x8b", headers={
        "Content-Type": "application/json", "Content-Encoding": "gzip"})  # fmt: skip
    assert_error(answer, 415, "invalid_request_error", "unsupported_media_type")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b'{"symbol":"\xed\xa0\x80"}', "UTF-8"),
        (b'{"symbol":"\\ud800"}', "not valid JSON"),
        (b'{"volume":NaN}', "not valid JSON"),
        (b'{"volume":Infinity}', "not valid JSON"),
        (b'{"volume":1e999}', "not valid JSON"),
        (b'{"volume":1,"volume":2}', "'volume' appears more than once"),
        (b'{"a":{"b":1,"b":2}}', "'b' appears more than once"),
        (b"{} {}", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[" * 4000, "32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "32 levels"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
    ],
)
def test_what_is_not_strict_json_is_400_and_says_why(client: Client, gateway: Small, text: bytes, said: str) -> None:
    answer = client.json(text)
    assert_error(answer, 400, "invalid_request_error", "malformed_json")
    assert said in answer.json["error"]
    assert gateway.calls == []


def test_colons_and_brackets_inside_strings_are_only_text(client: Client, gateway: Small) -> None:
    order = {**ORDER, "symbol": ':::"[[[' + "{" * 40}
    assert client("POST", "/things", body=order).status == 201


def test_a_required_body_that_is_missing_is_400(client: Client, gateway: Small) -> None:
    assert fields(client("POST", "/things")) == {"body": "is required"}


def test_an_optional_body_may_be_missing_or_any_object(client: Client, gateway: Small) -> None:
    for body in (None, {}, {"anything": [1]}):
        assert client("POST", "/nothing", body=body).status == 200
    assert client("POST", "/nothing", body=[]).status == 400


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"volume": 0}, {"/volume": "must be greater than 0"}),
        ({"volume": "1"}, {"/volume": "must be a number"}),
        ({"volume": True}, {"/volume": "must be a number"}),
        ({"volume": None}, {"/volume": "must be a number"}),
        ({"side": "long"}, {"/side": "must be buy or sell"}),
        ({"symbol": ""}, {"/symbol": "must not be empty"}),
        ({"sl": -1}, {"/sl": "must be at least 0"}),
        ({"orderType": "limit"}, {"/price": "is required unless orderType is market"}),
    ],
)
def test_a_body_that_breaks_its_schema_names_each_field(
    client: Client, gateway: Small, change: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = client("POST", "/things", body={**ORDER, **change})
    assert_error(answer, 400, "invalid_request_error", "invalid_body")
    assert fields(answer) == expected


def test_every_fault_of_a_body_is_named_at_once(client: Client, gateway: Small) -> None:
    answer = client("POST", "/things", body={"volume": -1})
    assert set(fields(answer)) == {"/symbol", "/side", "/orderType", "/volume"}


def test_nullable_accepts_null(client: Client, gateway: Small) -> None:
    assert client("POST", "/things", body={**ORDER, "sl": None}).status == 201


def test_an_error_never_repeats_what_was_sent(client: Client, gateway: Small) -> None:
    secret = "hunter2hunter2"
    answer = client("POST", "/things", body={**ORDER, "password": secret})
    assert fields(answer) == {"/password": "must have at most 5 characters"}
    assert secret.encode() not in answer.content


def test_a_body_over_the_limit_is_413_declared_or_not(client: Client, gateway: Small) -> None:
    large = b" " * 5000
    assert_error(client.json(large), 413, "invalid_request_error", "body_too_large")
    chunked = client("POST", "/things", body=iter([large]), headers=JSON_TYPE)
    assert_error(chunked, 413, "invalid_request_error", "body_too_large")


def test_a_defect_is_500_in_our_shape_and_reported_without_details_to_the_client(
    client: Client, gateway: Small
) -> None:
    answer = client("GET", "/fails")
    assert_error(answer, 500, "server_error", "internal_error")
    assert b"a defect" not in answer.content
    assert [type(one) for one in gateway.defects] == [ZeroDivisionError]


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_defect(client: Client, gateway: Small) -> None:
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
    assert client("GET", "/health").status == 200
    assert gateway.defects == []


def raw(client: Client, content: bytes) -> tuple[bytes, dict[str, str], Any]:
    """Send bytes as they are; return status line, headers and JSON body."""
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(content)
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = {name.decode().lower(): value.decode() for name, _, value in (one.partition(b": ") for one in lines)}
    return first, headers, json.loads(body)


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x00\xa5\x01",
        b"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /h\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000,
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_what_is_not_http_is_400_in_our_shape(client: Client, gateway: Small, content: bytes) -> None:
    first, headers, body = raw(client, content)
    assert first == b"HTTP/1.1 400 Bad Request"
    assert (body["code"], body["reason"]) == (400, "invalid_parameter")
    assert body["request_id"] == headers["x-request-id"]
    assert headers["content-type"] == "application/json"


def test_a_handshake_with_another_method_than_get_is_405(client: Client, gateway: Small) -> None:
    first, headers, body = raw(
        client,
        b"POST /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    assert first == b"HTTP/1.1 405 Method Not Allowed"
    assert (headers["allow"], body["reason"]) == ("GET", "method_not_allowed")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ALMOST_ORDERS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("symbol", "side", "orderType", "volume", "price", "sl"), JSON_VALUES)
)
PROPERTY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)


@PROPERTY
@given(content=st.binary(max_size=200))
def test_random_bytes_never_give_5xx(client: Client, gateway: Small, content: bytes) -> None:
    assert client.json(content).status < 500


@PROPERTY
@given(value=JSON_VALUES | ALMOST_ORDERS)
def test_random_json_never_gives_5xx_and_is_accepted_exactly_when_it_is_an_order(
    client: Client, gateway: Small, value: Any
) -> None:
    answer = client.json(json.dumps(value))
    assert answer.status in (201, 400)
    if answer.status == 201:
        assert gateway.calls[-1].body == value


@PROPERTY
@given(path=st.text(st.characters(codec="ascii", exclude_categories=("Cc", "Zs")), max_size=30))
def test_random_paths_and_queries_never_give_5xx(client: Client, gateway: Small, path: str) -> None:
    assert client("GET", f"/things/{path}").status < 500


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost",
        b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHo",
    ],
)
def test_a_request_that_never_ends_is_given_up(
    client: Client, gateway: Small, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.05)
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=4) as connection:
        connection.sendall(begun)
        while connection.recv(65_536):
            pass
    assert gateway.defects == []


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"GET /health HTTP/1.1\r\nHo",
    ],
    ids=["a body", "a head"],
)
def test_an_order_is_answered_before_what_never_ends_behind_it_is_given_up(
    client: Client, gateway: Small, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.05)
    gateway.takes_seconds = 0.3
    content = json.dumps(ORDER).encode()
    order = b"POST /things HTTP/1.1\r\nHost: a\r\nX-API-Key: %s\r\nContent-Type: application/json\r\n" % KEY.encode()
    order += b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
    first, _, answer = raw(client, order + begun)
    assert first == b"HTTP/1.1 201 Created"
    assert answer["body"] == ORDER


def test_a_connection_that_is_used_again_is_not_given_up(
    client: Client, gateway: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.05)
    host, port = client.address.split(":")
    deadline = time.monotonic() + 0.3
    with socket.create_connection((host, int(port)), timeout=4) as connection:
        while time.monotonic() < deadline:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200" in connection.recv(65_536)
