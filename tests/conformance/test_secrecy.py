"""Secrets are found wherever a gateway repeats them, and old TLS wherever a server agrees to it."""

import datetime
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from conformance.catalogue import discover
from conformance.exchange import Exchange, Frame, Request, Response
from conformance.leaks import find_leaks, is_telling
from conformance.outcomes import CheckResult, Status
from conformance.redaction import Redactor
from conformance.requirements import load_ledger
from conformance.runner import judge_gateway
from conformance.target import Budgets, TargetClass, TargetConfig, Timeouts
from conformance.vigil import Vigil
from tests.conformance.unusual_gateway import UnusualGateway

SECRET = 'p"w/ü-0815'


def said(body: str, operation: str | None = "listAccounts", number: int = 1) -> Exchange:
    request = Request("GET", "http://gateway/api/accounts?x=1", (("X-API-Key", SECRET),), SECRET.encode())
    return Exchange(number, request, Response(200, (("Server", "x"),), body.encode()), operation)


@pytest.mark.parametrize("shape", [SECRET, r"p\"w/\u00fc-0815", "p%22w%2F%C3%BC-0815"])
def test_a_secret_is_found_in_each_of_its_shapes(shape: str) -> None:
    assert [leak.where for leak in find_leaks([said(f"well, {shape}!")], [SECRET])] == ["200 of GET /api/accounts"]


def test_what_was_sent_is_no_leak() -> None:
    sent = Frame(2, "socket 1", "sent", SECRET, 0.0)
    assert find_leaks([said("nothing"), sent], [SECRET]) == []


def test_a_secret_on_the_stream_is_found() -> None:
    frames = [Frame(7, "socket 1", "received", f'{{"type": "motd", "text": {SECRET!r}}}', 0.0)]
    assert [leak.number for leak in find_leaks(frames, [SECRET])] == [7]


@given(st.text("abc019", min_size=1), st.text("abc019", min_size=1))
def test_a_login_inside_a_longer_number_is_none(before: str, after: str) -> None:
    assert find_leaks([said(f"{before}12345678{after}")], ["12345678"], whole_words=True) == []
    assert find_leaks([said(f'"{before}", "12345678", {after}')], ["12345678"], whole_words=True) != []


@pytest.mark.parametrize(("secret", "telling"), [("demo", False), ("passwords", False), ("pw-8f3a1c", True)])
def test_everyday_words_tell_nothing(secret: str, telling: bool) -> None:
    assert is_telling(secret) is telling


def test_the_vigil_names_rule_and_place_and_keeps_little() -> None:
    redactor = Redactor()
    redactor.register("key-of-user-1", "TONPO_API_KEY")
    redactor.register("password-1", "MT5_PASSWORD")
    vigil = Vigil(redactor)
    vigil.watch([said("key-of-user-1", "createUser"), said("fine", number=2)])
    assert [one.status for one in vigil.results(())] == [Status.PASS]
    vigil.watch([said("key-of-user-1", "getCurrentUser", number) for number in range(1, 30)])
    vigil.watch([said("password-1", None)])
    (result,) = vigil.results(())
    assert result.status is Status.FAIL
    assert result.tallies["TONPO-KEY-070"].broken == 1
    assert result.tallies["TONPO-SEC-010"].broken == 1
    assert len(result.transcript) == len(result.findings) == 5
    assert [finding.entry for finding in result.findings] == [entry.number for entry in result.transcript]
    assert vigil.results(("orders",)) == []


@asynccontextmanager
async def served_over_tls(folder: Path, *, is_lax: bool) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder, is_lax=is_lax))
    if is_lax:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    server = TestServer(UnusualGateway().application(), host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    try:
        yield str(server.make_url(""))
    finally:
        await server.close()


def certificate(folder: Path, *, is_lax: bool) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key: RSA for the suites of old, a quicker one otherwise."""
    key = rsa.generate_private_key(65537, 2048) if is_lax else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(1))
    signed = made.not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    shape = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, shape, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(text)
    return folder / "cert.pem", folder / "key.pem"


async def old_tls(url: str) -> CheckResult:
    target = TargetConfig(
        url,
        target_class=TargetClass.SANDBOX,
        only=("secrecy.old-tls",),
        timeouts=Timeouts(request=5.0),
        budgets=Budgets(replay_seconds=0.0),
        tls_verify=False,
    )
    report = await judge_gateway(target, discover(load_ledger()), lambda _: None, redactor=Redactor())
    return next(one for one in report.results if one.id == "secrecy.old-tls")


async def test_a_gateway_that_agrees_to_tls_1_1_is_caught(tmp_path: Path) -> None:
    async with served_over_tls(tmp_path, is_lax=True) as url:
        result = await old_tls(url)
    assert result.status is Status.FAIL
    assert [finding.message for finding in result.findings] == ["the gateway agrees to TLS 1.1"]


async def test_a_gateway_with_the_tls_of_today_is_not(tmp_path: Path) -> None:
    async with served_over_tls(tmp_path, is_lax=False) as url:
        assert (await old_tls(url)).status is Status.PASS
