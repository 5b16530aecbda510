"""The gateway's secret files: made once, private, and never replaced silently."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from reference_server.security.gateway_secrets import MOST_PEPPERS, open_secrets
from reference_server.security.key_files import SecretUnusable, make_private_directory, parse_keys
from reference_server.security.key_ring import KeyRing, MasterKey, Pepper


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def text_of(*keys: bytes) -> str:
    return "\n".join(base64.b64encode(key).decode() for key in keys)


def test_first_start_makes_private_files_and_the_next_start_reads_them(tmp_path: Path) -> None:
    data_dir = tmp_path / "var" / "tonpo"
    first = open_secrets(data_dir, may_create=True)
    assert mode(data_dir) == 0o700
    assert mode(data_dir / "master_keys") == mode(data_dir / "api_key_pepper") == 0o600
    assert sorted(path.name for path in data_dir.iterdir()) == ["api_key_pepper", "master_keys"]
    again = open_secrets(data_dir, may_create=False)
    assert (again.ring.now(), again.peppers.now()) == (first.ring.now(), first.peppers.now())
    assert first.peppers.now().newest.secret != first.ring.now().newest.secret


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o660, 0o610])
@pytest.mark.parametrize("name", ["master_keys", "api_key_pepper"])
def test_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, name: str, wide: int) -> None:
    open_secrets(tmp_path, may_create=True)
    (tmp_path / name).chmod(wide)
    with pytest.raises(SecretUnusable, match=rf"{name} is open to other users .*chmod 600"):
        open_secrets(tmp_path, may_create=True)


@pytest.mark.parametrize("name", ["master_keys", "api_key_pepper"])
def test_lost_file_is_not_replaced_when_a_database_exists(tmp_path: Path, name: str) -> None:
    open_secrets(tmp_path, may_create=True)
    (tmp_path / name).unlink()
    with pytest.raises(SecretUnusable, match="restore it from a backup"):
        open_secrets(tmp_path, may_create=False)
    assert not (tmp_path / name).exists()


def test_keys_given_as_text_make_no_file(tmp_path: Path) -> None:
    given = open_secrets(
        tmp_path, may_create=True, master_keys=text_of(b"n" * 32, b"o" * 32), pepper=text_of(b"p" * 32)
    )
    assert given.ring.now() == KeyRing((MasterKey(b"n" * 32), MasterKey(b"o" * 32)))
    assert given.peppers.now() == KeyRing((Pepper(b"p" * 32),))
    assert given.ring.file is given.peppers.file is None
    assert list(tmp_path.iterdir()) == []


def test_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SecretUnusable, match="elsewhere does not exist"):
        open_secrets(tmp_path, may_create=True, master_keys_file=tmp_path / "elsewhere")


def test_named_file_is_used(tmp_path: Path) -> None:
    named = tmp_path / "ring"
    named.write_text(text_of(b"k" * 32))
    named.chmod(0o600)
    secrets = open_secrets(tmp_path / "data", may_create=True, master_keys_file=named, pepper=text_of(b"p" * 32))
    assert secrets.ring.now().newest.secret == b"k" * 32


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no key"),
        ("# only a remark", "holds no key"),
        ("not base64!", "not base64"),
        (base64.b64encode(b"short").decode(), "this one has 5"),
    ],
)
def test_damaged_keys_are_refused_without_showing_them(text: str, complaint: str) -> None:
    with pytest.raises(SecretUnusable, match=complaint) as caught:
        parse_keys(text, where="ring")
    assert not text or text not in str(caught.value)


def test_remarks_and_commas_separate_keys() -> None:
    one, other = (base64.b64encode(key).decode() for key in (b"a" * 32, b"b" * 32))
    assert parse_keys(f"# newest, first\n{one}, {other}\n", where="ring") == (b"a" * 32, b"b" * 32)


def test_doubled_key_and_too_many_peppers_are_refused(tmp_path: Path) -> None:
    twice = text_of(b"a" * 32, b"a" * 32)
    with pytest.raises(SecretUnusable, match="each key once"):
        open_secrets(tmp_path, may_create=True, master_keys=twice)
    many = text_of(*(bytes([number]) * 32 for number in range(MOST_PEPPERS + 1)))
    with pytest.raises(SecretUnusable, match="expected 8 keys at most, found 9"):
        open_secrets(tmp_path, may_create=True, pepper=many)


def test_unusable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretUnusable, match="cannot be made"):
        make_private_directory(tmp_path / "file" / "data")


def test_repr_shows_no_key(tmp_path: Path) -> None:
    opened = open_secrets(tmp_path, may_create=True)
    assert "b'" not in repr((opened, opened.ring.now(), opened.peppers.now().newest))
