import json
import shlex
import string
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from conformance.curl import curl_command
from conformance.exchange import Request
from conformance.redaction import Redactor

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=8, max_size=30)


@given(SECRETS, st.text(string.ascii_letters + ' ,"{}:', max_size=20), st.text(string.ascii_letters, max_size=20))
def test_no_shape_of_a_registered_secret_survives(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.register(secret, "TONPO_API_KEY")
    for shape in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert redactor.text(f"{before}{shape}{after}") == redactor.text(before) + "$TONPO_API_KEY" + redactor.text(
            after
        )


def test_the_longest_secret_is_replaced_first() -> None:
    redactor = Redactor()
    redactor.register("secret", "SHORT")
    redactor.register("secret-and-more", "LONG")
    assert redactor.text("secret-and-more secret") == "$LONG $SHORT"


def test_what_looks_like_a_key_is_hidden_although_nobody_registered_it() -> None:
    assert Redactor().text("found sk_live_tonpo_abcdefgh1234 here") == "found *** here"


def test_fields_that_announce_a_secret_are_hidden() -> None:
    body = '{"mt5Password": "pw", "auth_token":"t\\"x", "mt5Login": "1"}'
    assert Redactor().text(body) == '{"mt5Password": "***", "auth_token":"***", "mt5Login": "1"}'


def test_a_short_secret_is_hidden_only_where_its_field_announces_it() -> None:
    redactor = Redactor()
    redactor.register("pw", "MT5_PASSWORD")
    assert redactor.text('{"mt5Password":"pw"} pwned') == '{"mt5Password":"$MT5_PASSWORD"} pwned'


def test_the_password_that_is_always_refused_is_no_secret_outside_of_its_field() -> None:
    redactor = Redactor()
    redactor.register("invalid", "MT5_PASSWORD")
    assert redactor.text('{"mt5Password":"invalid"} invalid_body') == '{"mt5Password":"$MT5_PASSWORD"} invalid_body'


def test_a_curl_command_expands_placeholders_and_nothing_else() -> None:
    redactor = Redactor()
    redactor.register("sk_live_abcdefgh", "TONPO_API_KEY")
    request = Request(
        "POST",
        "http://host/api/orders",
        (("X-API-Key", "sk_live_abcdefgh"), ("Content-Type", "application/json")),
        b'{"comment":"`rm` $HOME \\"it\'s\\""}',
    )
    command = curl_command(request, redactor)
    assert '-H "X-API-Key: $TONPO_API_KEY"' in command
    assert shlex.split(command)[-1].encode() == request.body


def test_a_body_that_is_no_text_is_written_in_hexadecimal() -> None:
    assert curl_command(Request("POST", "http://host/", (), b"\xff\x00"), Redactor()).endswith(
        r"--data-binary $'\xff\x00'"
    )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80))
def test_a_shell_reads_a_body_as_it_was_sent(text: str) -> None:
    command = curl_command(Request("POST", "http://host/", (), text.encode()), Redactor())
    words = shlex.split(command)
    if "***" not in command:
        assert words[words.index("--data-binary") + 1] == text
