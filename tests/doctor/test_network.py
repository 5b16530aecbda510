"""Certificates and ports, each healthy and each broken for real."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reference_server.config import ConfigError, Settings
from reference_server.doctor.finding import Verdict, is_healthy
from reference_server.doctor.network import examine_port, examine_tls
from tests.api.certificates import self_signed

from .conftest import MakeSettings, only, problems, verdicts


def secured(settings_of: MakeSettings, folder: Path) -> Settings:
    certificate, key = self_signed(folder)
    key.chmod(0o600)
    return settings_of(tls_cert=certificate, tls_key=key)


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_a_certificate_that_lasts_for_months_is_fine(tmp_path: Path, settings_of: MakeSettings) -> None:
    settings = secured(settings_of, tmp_path)
    assert verdicts(examine_tls(settings, now=in_days(-20))) == [Verdict.PROBLEM]
    assert verdicts(examine_tls(settings)) == [Verdict.WARNING]
    assert "expired on" in only(examine_tls(settings, now=in_days(3)), Verdict.PROBLEM).says


def test_a_key_of_another_certificate(tmp_path: Path, settings_of: MakeSettings) -> None:
    settings = secured(settings_of, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _certificate, key = self_signed(other)
    mixed = settings_of(tls_cert=settings.tls_cert, tls_key=key)
    assert "cannot be used: KEY_VALUES_MISMATCH" in only(examine_tls(mixed), Verdict.PROBLEM).says


def test_a_file_that_is_no_certificate(tmp_path: Path, settings_of: MakeSettings) -> None:
    (tmp_path / "note.txt").write_text("dear diary")
    settings = settings_of(tls_cert=tmp_path / "note.txt", tls_key=tmp_path / "note.txt")
    assert not is_healthy(examine_tls(settings))


def test_a_private_key_for_everybody(tmp_path: Path, settings_of: MakeSettings) -> None:
    settings = secured(settings_of, tmp_path)
    assert settings.tls_key is not None
    settings.tls_key.chmod(0o644)
    assert "mode 0644" in list(examine_tls(settings))[-1].says


def test_a_missing_certificate_is_a_mistake_in_the_settings(tmp_path: Path, settings_of: MakeSettings) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        settings_of(tls_cert=tmp_path / "absent.pem", tls_key=tmp_path / "absent.key")


def test_keys_in_the_clear_for_other_machines(settings_of: MakeSettings) -> None:
    assert verdicts(examine_tls(settings_of(host="0.0.0.0"))) == [Verdict.WARNING]
    assert verdicts(examine_tls(settings_of(host="127.0.0.1"))) == []


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    """An HTTP server that answers everything with `body`; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_free_port(settings_of: MakeSettings) -> None:
    assert verdicts(examine_port(settings_of(port=0), is_running=False)) == [Verdict.OK]


def test_a_port_that_another_program_has(settings_of: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = settings_of(port=taken.getsockname()[1])
        taken.settimeout(20)
        threading.Thread(target=_hang_up, args=(taken,)).start()
        assert problems(examine_port(settings, is_running=False)) == [
            f"127.0.0.1 port {settings.port} is taken by another program"
        ]


def _hang_up(listener: socket.socket) -> None:
    for _ in range(2):
        connection, _address = listener.accept()
        connection.close()


def test_a_port_that_this_gateway_has_is_a_note(settings_of: MakeSettings) -> None:
    with answering(json.dumps({"status": "ok", "version": "1.2.3"}).encode()) as port:
        running = examine_port(settings_of(port=port), is_running=True)
        assert only(running, Verdict.NOTE).says == f"a gateway, version 1.2.3, answers on 127.0.0.1 port {port}"
        elsewhere = examine_port(settings_of(port=port), is_running=False)
        assert "runs on other data" in only(elsewhere, Verdict.PROBLEM).says


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"\xff" * 70_000])
def test_a_port_that_another_web_server_has(settings_of: MakeSettings, body: bytes) -> None:
    with answering(body) as port:
        assert verdicts(examine_port(settings_of(port=port), is_running=True)) == [Verdict.PROBLEM]


@pytest.mark.parametrize("host", ["no such host", "256.1.1.1", "192.0.2.7", "." * 300])
def test_an_address_that_is_not_of_this_machine(settings_of: MakeSettings, host: str) -> None:
    assert "cannot listen on" in only(examine_port(settings_of(host=host), is_running=False), Verdict.PROBLEM).says


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY"])
def test_no_proxy_is_asked(settings_of: MakeSettings, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    with answering(json.dumps({"status": "ok", "version": "1"}).encode()) as port:
        assert verdicts(examine_port(settings_of(port=port), is_running=True)) == [Verdict.NOTE]
    assert os.environ[proxy]
