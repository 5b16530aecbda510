"""What the vault seals only the vault opens, for the same account, unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.domain.account import Mt5Credentials
from reference_server.security.key_ring import KeyRing, MasterKey
from reference_server.security.live_ring import LiveRing
from reference_server.security.vault import EnvelopeVault, NotSealedHere, kid_of

OLD, NEW = MasterKey(b"o" * 32), MasterKey(b"n" * 32)


def vault_of(*keys: MasterKey) -> EnvelopeVault:
    return EnvelopeVault(LiveRing(KeyRing(keys)))


vault = vault_of(NEW, OLD)
credentials = st.builds(
    Mt5Credentials, login=st.text(st.sampled_from("0123456789")), password=st.text(), server=st.text()
)
EXAMPLE = Mt5Credentials(login="12345678", password="correct horse", server="ICMarkets-Demo")


@given(credentials, st.text())
def test_opens_what_it_sealed(secret: Mt5Credentials, account_id: str) -> None:
    assert vault.open(account_id, vault.seal(account_id, secret)) == secret


@given(credentials, st.text(), st.text())
def test_row_of_another_account_does_not_open(secret: Mt5Credentials, one: str, other: str) -> None:
    if one != other:
        with pytest.raises(NotSealedHere):
            vault.open(other, vault.seal(one, secret))


def test_every_change_of_one_byte_is_refused() -> None:
    sealed = vault.seal("acc_1", EXAMPLE)
    for place, was in enumerate(sealed):
        for other in {was ^ 1, was ^ 2, was ^ 32, was ^ 128, *b"=.A\n "} - {was}:
            with pytest.raises(NotSealedHere):
                vault.open("acc_1", sealed[:place] + bytes([other]) + sealed[place + 1 :])


@settings(max_examples=300)
@given(st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    sealed = vault.seal("acc_1", EXAMPLE)
    place = data.draw(st.integers(0, len(sealed) - 1))
    length = data.draw(st.integers(0, 3))
    changed = sealed[:place] + data.draw(st.binary(max_size=3)) + sealed[place + length :]
    if changed != sealed:
        with pytest.raises(NotSealedHere):
            vault.open("acc_1", changed)


@given(st.binary())
def test_foreign_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(NotSealedHere):
        vault.open("acc_1", noise)


def test_parts_of_two_envelopes_do_not_mix() -> None:
    one, other = (vault.seal("acc_1", EXAMPLE).split(b".") for _ in range(2))
    for place in range(2, 5):
        mixed = [*one[:place], other[place], *one[place + 1 :]]
        with pytest.raises(NotSealedHere):
            vault.open("acc_1", b".".join(mixed))


def test_seals_with_the_newest_key_and_opens_with_an_older_one() -> None:
    sealed_before = vault_of(OLD).seal("acc_1", EXAMPLE)
    assert vault.open("acc_1", sealed_before) == EXAMPLE
    assert vault.seal("acc_1", EXAMPLE).split(b".")[1] == NEW.kid.encode()


def test_missing_master_key_is_named_as_the_cause() -> None:
    with pytest.raises(NotSealedHere, match="key ring does not hold"):
        vault_of(NEW).open("acc_1", vault_of(OLD).seal("acc_1", EXAMPLE))


def test_sealed_text_shows_neither_the_secret_nor_its_length() -> None:
    short = vault.seal("acc_1", Mt5Credentials("1", "x", "S"))
    long = vault.seal("acc_1", Mt5Credentials("12345678", "a much longer password", "S"))
    assert len(short) == len(long)
    assert b"password" not in long


def test_same_credentials_never_seal_to_the_same_text() -> None:
    assert len({vault.seal("acc_1", EXAMPLE) for _ in range(100)}) == 100


def test_rewrapped_text_needs_only_the_newest_key_and_keeps_its_ciphertext() -> None:
    before = vault_of(OLD).seal("acc_1", EXAMPLE)
    after = vault.rewrap("acc_1", before)
    assert (kid_of(before), kid_of(after)) == (OLD.kid, NEW.kid)
    assert vault_of(NEW).open("acc_1", after) == EXAMPLE
    assert before.split(b".")[3:] == after.split(b".")[3:]
    assert vault.rewrap("acc_1", after) == after


def test_what_does_not_open_is_not_rewrapped() -> None:
    sealed = vault_of(OLD).seal("acc_1", EXAMPLE)
    with pytest.raises(NotSealedHere):
        vault.rewrap("acc_2", sealed)
    with pytest.raises(NotSealedHere):
        vault_of(NEW).rewrap("acc_1", sealed)
