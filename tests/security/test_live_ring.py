"""A ring whose file is rotated while it is in use."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.security.key_files import KeyFile, SecretUnusable
from reference_server.security.key_ring import KeyRing, MasterKey
from reference_server.security.live_ring import LiveRing
from reference_server.security.vault import EnvelopeVault, NotSealedHere, kid_of

OLD, NEW = MasterKey(b"o" * 32), MasterKey(b"n" * 32)
CREDENTIALS = Mt5Credentials("1", "secret", "Demo")


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    made = KeyFile(tmp_path / "master_keys", MasterKey, "# a remark\n")
    made.create(KeyRing((OLD,)))
    return made


def test_a_changed_file_is_followed_at_once_and_an_unchanged_one_is_not_read(file: KeyFile) -> None:
    ring = LiveRing.following(file)
    assert ring.now() is ring.now()
    file.replace(KeyRing((NEW, OLD)))
    assert ring.now().kids == (NEW.kid, OLD.kid)


def test_the_vault_seals_with_a_new_key_from_the_moment_at_which_it_is_in_the_file(file: KeyFile) -> None:
    vault = EnvelopeVault(LiveRing.following(file))
    sealed = vault.seal("acc_1", CREDENTIALS)
    file.replace(KeyRing((NEW, OLD)))
    assert kid_of(vault.seal("acc_1", CREDENTIALS)) == NEW.kid
    assert vault.open("acc_1", sealed) == CREDENTIALS
    assert vault.open("acc_1", vault.rewrap("acc_1", sealed)) == CREDENTIALS


@pytest.mark.parametrize("damage", ["gone", "empty", "open to others"])
def test_nothing_is_sealed_while_the_file_cannot_be_read_and_what_was_sealed_still_opens(
    file: KeyFile, damage: str
) -> None:
    vault = EnvelopeVault(LiveRing.following(file))
    sealed = vault.seal("acc_1", CREDENTIALS)
    if damage == "gone":
        file.path.unlink()
    elif damage == "empty":
        file.path.write_text("")
    else:
        file.replace(KeyRing((NEW, OLD)))
        file.path.chmod(0o644)
    with pytest.raises(SecretUnusable):
        vault.seal("acc_1", CREDENTIALS)
    assert vault.open("acc_1", sealed) == CREDENTIALS


def test_a_removed_key_opens_nothing_any_more(file: KeyFile) -> None:
    vault = EnvelopeVault(LiveRing.following(file))
    sealed = vault.seal("acc_1", CREDENTIALS)
    file.replace(KeyRing((NEW,)))
    with pytest.raises(NotSealedHere, match="does not hold"):
        vault.open("acc_1", sealed)


def test_a_replaced_file_is_private_keeps_its_remark_and_leaves_no_draft(file: KeyFile, tmp_path: Path) -> None:
    killed = tmp_path / f".master_keys.{'0' * 16}"
    killed.write_text("what a killed writer left")
    file.replace(KeyRing((NEW, OLD)))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.path.read_text().startswith("# a remark\n")
    assert [path.name for path in tmp_path.iterdir()] == ["master_keys"]
    with pytest.raises(FileExistsError):
        file.create(KeyRing((OLD,)))


def test_a_ring_without_a_file_never_changes() -> None:
    ring = LiveRing(KeyRing((OLD,)))
    assert ring.certain() is ring.now() is ring.again()
