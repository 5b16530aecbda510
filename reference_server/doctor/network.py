"""The network: certificate and key, and the port to listen on."""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
import stat
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Final

from cryptography import x509

from reference_server.config import Settings
from reference_server.doctor.finding import Finding, note, ok, problem, warning

_SOON: Final = timedelta(days=14)
_LOOPBACK: Final = ("127.", "::1", "localhost")
_ANSWER_SECONDS: Final = 3.0
_LONGEST_ANSWER: Final = 65_536


def examine_tls(settings: Settings, *, now: datetime | None = None) -> Iterator[Finding]:
    """Say whether certificate and key belong together and are valid; warn of keys that travel in the clear."""
    if settings.tls_cert is None or settings.tls_key is None:
        if not settings.host.startswith(_LOOPBACK):
            says = f"{settings.host} is reachable from other machines, and API keys and passwords travel in the clear"
            yield warning("tls", says, "Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy with TLS.")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, password="")
        certificate = x509.load_pem_x509_certificate(settings.tls_cert.read_bytes())
    except (ssl.SSLError, ValueError) as error:
        says = f"{settings.tls_cert} and {settings.tls_key} cannot be used: {getattr(error, 'reason', None) or error}"
        yield problem("tls", says, "Both must be PEM files that belong together, the key without a password.")
        return
    except OSError as error:
        says = f"the TLS files cannot be read: {error.strerror}"
        yield problem("tls", says, f"Let this user read {settings.tls_cert} and {settings.tls_key}.")
        return
    yield from _judge_validity(settings.tls_cert, certificate, now or datetime.now(UTC))
    mode = stat.S_IMODE(settings.tls_key.stat().st_mode)
    if os.name == "posix" and mode & stat.S_IRWXO:
        says = f"the private key {settings.tls_key} is open to every user of this machine (mode {mode:04o})"
        yield warning("tls", says, f"Run chmod 600 {settings.tls_key}, and replace it if others had access.")


def examine_port(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    """Say whether the port is free; `is_running` is whether a gateway runs on the data of these settings."""
    place = f"{settings.host} port {settings.port}"
    choose = "Choose another with --host and --port; --port 0 takes any free one."
    try:
        _try_to_bind(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number != errno.EADDRINUSE:
            reason = (error.strerror or error) if isinstance(error, OSError) else "this is no name of a host"
            yield problem("port", f"cannot listen on {place}: {reason}", choose)
            return
        version = _gateway_at(settings)
        if version is None:
            yield problem("port", f"{place} is taken by another program", f"Stop that program. {choose}")
        elif is_running:
            yield note("port", f"a gateway, version {version}, answers on {place}")
        else:
            says = f"{place} is taken by a gateway, version {version}, that runs on other data"
            yield problem("port", says, f"Stop that gateway. {choose}")
        return
    free = f"{place} is free" if settings.port else f"the system will choose a free one of {settings.host}"
    yield ok("port", free)


def _judge_validity(path: Path, certificate: x509.Certificate, now: datetime) -> Iterator[Finding]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= ends:
        says = f"the certificate {path} expired on {ends:%Y-%m-%d}"
        yield problem("tls", says, "Replace it by a renewed one and restart the gateway.")
    elif now < begins:
        says = f"the certificate {path} is valid from {begins:%Y-%m-%d %H:%M} UTC only"
        yield problem("tls", says, "Check the machine's clock, or use the certificate from then on.")
    elif ends - now < _SOON:
        says = f"the certificate {path} expires on {ends:%Y-%m-%d}"
        yield warning("tls", says, "Renew it and restart the gateway: it reads the file at its start.")
    else:
        yield ok("tls", f"certificate and key belong together, valid until {ends:%Y-%m-%d}")


def _try_to_bind(host: str, port: int) -> None:
    """Bind and let go: nothing listens meanwhile. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as trial:
        if os.name == "posix":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)


def _gateway_at(settings: Settings) -> str | None:
    """Return the version of the gateway that answers there, or None when it is something else."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - to be asked
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who answers matters, nothing secret is sent
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    for scheme in ("https", "http") if settings.tls_cert else ("http", "https"):
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}/health"
        try:
            with ask.open(url, timeout=_ANSWER_SECONDS) as answer:
                health = json.loads(answer.read(_LONGEST_ANSWER))
        except (OSError, ValueError, HTTPException):
            continue
        if isinstance(health, dict) and "version" in health:
            return str(health["version"])[:40]
    return None
