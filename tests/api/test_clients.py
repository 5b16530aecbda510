"""Whose word about the client's address is believed."""

from __future__ import annotations

import pytest

from reference_server.api.clients import TrustedProxies

PROXIES = TrustedProxies(("10.0.0.0/8", "fd00::/8"))


def client(peer: str, *headers: tuple[str, str], proxies: TrustedProxies = PROXIES) -> str:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return proxies.client_of({"type": "http", "client": (peer, 1), "headers": raw})


def test_nobody_is_believed_unless_trusted() -> None:
    assert client("203.0.113.9", ("x-forwarded-for", "1.2.3.4")) == "203.0.113.9"
    assert client("10.0.0.1", ("x-forwarded-for", "1.2.3.4"), proxies=TrustedProxies()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the first was sent by the client itself
        ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),  # behind two proxies
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),  # a client inside
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("nonsense", "10.0.0.1"),
        ("1.2.3.4, nonsense", "10.0.0.1"),
        ("1.2.3.4, unknown, 10.3.3.3", "10.3.3.3"),
        ("", "10.0.0.1"),
    ],
)
def test_the_rightmost_hop_that_is_no_proxy_is_the_client(said: str, found: str) -> None:
    assert client("10.0.0.1", ("x-forwarded-for", said)) == found


def test_several_headers_are_one_list() -> None:
    assert client("10.0.0.1", ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4")) == "1.2.3.4"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("for=1.2.3.4;proto=https", "1.2.3.4"),
        ('for=6.6.6.6, proto=http;For="[2001:db8::7]:4711"', "2001:db8::7"),
        ("for=_hidden", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ],
)
def test_forwarded_is_read_where_there_is_no_x_forwarded_for(said: str, found: str) -> None:
    assert client("10.0.0.1", ("forwarded", said)) == found


def test_an_ipv4_proxy_on_a_dual_socket_is_trusted() -> None:
    assert client("::ffff:10.0.0.1", ("x-forwarded-for", "1.2.3.4")) == "1.2.3.4"


def test_a_peer_without_an_address_is_unknown() -> None:
    assert PROXIES.client_of({"type": "http", "client": None, "headers": []}) == "unknown"
