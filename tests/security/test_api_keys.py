"""API keys: form, checksum, digest."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from reference_server.security.api_keys import PREFIX, PepperedApiKeys, assemble
from reference_server.security.key_ring import KeyRing, Pepper
from reference_server.security.live_ring import LiveRing

BASE62 = string.ascii_letters + string.digits
bodies = st.text(alphabet=BASE62, min_size=30, max_size=30)


def keys_under(*peppers: bytes) -> PepperedApiKeys:
    return PepperedApiKeys(LiveRing(KeyRing(tuple(map(Pepper, peppers)))))


keys = keys_under(bytes(32))


def test_minted_key_is_accepted_by_its_own_digest() -> None:
    minted = keys.mint()
    assert minted.clear.startswith("sk_live_")
    assert len(minted.clear) == len(PREFIX) + 36
    assert keys.digests(minted.clear) == (minted.digest,)
    assert minted.last_four == minted.clear[-4:]


def test_minted_keys_differ() -> None:
    assert len({keys.mint().clear for _ in range(1000)}) == 1000


@given(bodies, st.data())
def test_every_change_of_one_character_is_refused_without_a_lookup(body: str, data: st.DataObject) -> None:
    key = assemble(body)
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.one_of(st.sampled_from(BASE62), st.characters()).filter(lambda c: c != key[place]))
    assert keys.digests(key[:place] + other + key[place + 1 :]) == ()


def test_every_change_of_one_character_of_one_key_is_refused() -> None:
    key = keys.mint().clear
    for place, was in enumerate(key):
        for other in BASE62 + "_-\n":
            if other != was:
                assert keys.digests(key[:place] + other + key[place + 1 :]) == ()


@given(st.text())
def test_foreign_text_is_refused(text: str) -> None:
    assert keys.digests(text) == ()
    assert keys.digests(PREFIX + text) == ()


@given(bodies)
def test_surrounding_space_and_truncation_are_refused(body: str) -> None:
    key = assemble(body)
    for wrong in (key + "\n", " " + key, key[:-1], key + "0", key.upper()):
        assert keys.digests(wrong) == ()


def test_digest_depends_on_the_pepper_and_holds_no_key() -> None:
    minted = keys.mint()
    assert keys_under(b"\x01" * 32).digests(minted.clear) != (minted.digest,)
    assert len(minted.digest) == 32
    assert minted.clear.encode() not in minted.digest


def test_new_keys_use_the_newest_pepper_and_old_keys_are_looked_up_under_each() -> None:
    old, new = b"\x01" * 32, b"\x02" * 32
    before, after = keys_under(old).mint(), keys_under(new, old).mint()
    both = keys_under(new, old)
    assert both.digests(before.clear)[1] == before.digest
    assert both.digests(after.clear)[0] == after.digest
    assert (before.pepper_id, after.pepper_id) == (Pepper(old).kid, Pepper(new).kid)
    assert before.digest not in keys_under(new).digests(before.clear)
