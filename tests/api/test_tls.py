"""TLS: modern versions and ciphers only, and a new certificate without a restart."""

from __future__ import annotations

import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reference_server.api.server import Tls, server_config

from .certificates import self_signed
from .conftest import small_gateway
from .test_command_line import serving

LIVE = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def connected(address: tuple[str, int], **versions: Any) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in versions.items():
        setattr(context, name, value)
    with socket.create_connection(address, timeout=10) as plain, context.wrap_socket(plain) as opened:
        yield opened


def place_of(url: str) -> tuple[str, int]:
    host, port = url.split("//")[-1].split(":")
    return host, int(port)


def serial_of(opened: ssl.SSLSocket) -> bytes:
    shown = opened.getpeercert(binary_form=True)
    assert shown is not None
    return shown


@pytest.mark.parametrize("lowest", ["1.2", "1.3"])
def test_nothing_older_than_the_setting_is_spoken(serve: Any, tmp_path: Path, lowest: str) -> None:
    tls = Tls(*self_signed(tmp_path), min_version=lowest)
    with serve(small_gateway().app, tls=tls) as address:
        with connected(place_of(address)) as newest:
            assert newest.version() == "TLSv1.3"
            newest.sendall(LIVE)
            assert b"strict-transport-security: max-age=" in newest.recv(65_536)
        if lowest == "1.3":
            with pytest.raises(ssl.SSLError), connected(place_of(address), maximum_version=ssl.TLSVersion.TLSv1_2):
                pass
            return
        with connected(place_of(address), maximum_version=ssl.TLSVersion.TLSv1_2) as older:
            assert older.version() == "TLSv1.2"
            cipher = older.cipher()
            assert cipher is not None
            assert cipher[0].startswith("ECDHE")
            assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


def test_ciphers_without_forward_secrecy_or_authenticated_encryption_are_not_offered(tmp_path: Path) -> None:
    config = server_config(small_gateway().app, tls=Tls(*self_signed(tmp_path)))
    config.load()
    assert config.ssl is not None
    names = [one["name"] for one in config.ssl.get_ciphers()]
    assert names
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in names)
    assert not any("CBC" in name or ("SHA384" in name and "GCM" not in name) for name in names)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_new_certificate_is_taken_up_on_a_signal_and_nobody_is_cut_off(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    words = ("--tls-cert", str(certificate), "--tls-key", str(key), "--data-dir", str(tmp_path / "data"))
    with serving(*words, "--host", "localhost", "--log-format", "json") as (process, url, _):
        assert process.stderr is not None

        def wait_for(event: str) -> None:
            while event not in (line := process.stderr.readline()):  # type: ignore[union-attr]
                assert line

        place = place_of(url)
        with connected(place) as kept:
            first = serial_of(kept)
            self_signed(tmp_path)
            process.send_signal(signal.SIGHUP)
            wait_for("tls_reloaded")
            with connected(place) as fresh:
                second = serial_of(fresh)
                assert second != first
            key.write_text("damaged")
            process.send_signal(signal.SIGHUP)
            wait_for("tls_reload_failed")
            with connected(place) as still:
                assert serial_of(still) == second
            kept.sendall(LIVE)
            assert b"200 OK" in kept.recv(65_536)
