"""Sealing: what is sealed opens with its key, in its place, unaltered, and not otherwise."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tidemill.errors import BadRequest, Unavailable
from tidemill.kit.crypto import Keyring, Sealed, key_id, new_key, parse_keys

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


@given(st.binary(max_size=1000), st.binary(max_size=100))
def test_what_is_sealed_opens_again(plain: bytes, place: bytes) -> None:
    """Whatever it is; and it is not to be seen in what is stored."""
    ring = Keyring([NEW])
    sealed = ring.seal(plain, place)
    assert ring.open(sealed, place) == plain
    assert len(plain) < 4 or plain not in sealed.ciphertext


def test_no_two_seals_are_alike() -> None:
    """The same text twice does not show that it is the same."""
    ring = Keyring([NEW])
    one, two = ring.seal(b"same", b"x"), ring.seal(b"same", b"x")
    assert one.nonce != two.nonce
    assert one.ciphertext != two.ciphertext


def test_it_opens_only_in_its_place_and_unaltered() -> None:
    """A row that was moved, cut or changed is refused, in words that hold nothing of it."""
    ring = Keyring([NEW])
    sealed = ring.seal(b"the plain text", b"row 1")
    changed = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    at_end = sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])
    for wrong, place in (
        (sealed, b"row 2"),
        (replace(sealed, ciphertext=changed), b"row 1"),
        (replace(sealed, ciphertext=at_end), b"row 1"),
        (replace(sealed, nonce=sealed.nonce[:12]), b"row 1"),
        (replace(sealed, ciphertext=sealed.ciphertext[:-1]), b"row 1"),
        (replace(sealed, ciphertext=b""), b"row 1"),
        (replace(sealed, nonce=b""), b"row 1"),
    ):
        with pytest.raises(Unavailable) as refused:
            ring.open(wrong, place)
        assert refused.value.code == "sealIsBroken"
        assert "plain" not in refused.value.message


def sealed_without_envelope(key: bytes, plain: bytes, place: bytes) -> Sealed:
    """As versions before the envelope sealed."""
    nonce = bytes(12)
    return Sealed(key_id=key_id(key), nonce=nonce, ciphertext=AESGCM(key).encrypt(nonce, plain, place))


def test_another_key_takes_over_and_the_bytes_stay() -> None:
    """Only the key of the bytes is sealed anew, in the same place; the old key opens it no more."""
    old = Keyring([OLD]).seal(b"text", b"row 1")
    new = Keyring([NEW, OLD]).reseal(old, b"row 1")
    assert (new.key_id, new.is_envelope) == (key_id(NEW), True)
    assert new.ciphertext[48:] == old.ciphertext[48:]
    assert new.ciphertext[:48] != old.ciphertext[:48]
    assert Keyring([NEW]).open(new, b"row 1") == b"text"
    with pytest.raises(Unavailable):
        Keyring([OLD]).open(new, b"row 1")
    with pytest.raises(Unavailable):
        Keyring([NEW]).open(new, b"row 2")
    with pytest.raises(Unavailable, match="altered, or moved"):
        Keyring([NEW, OLD]).reseal(old, b"row 2")
    with pytest.raises(Unavailable, match=key_id(OLD)):
        Keyring([NEW]).reseal(old, b"row 1")


def test_what_was_sealed_without_an_envelope_opens_and_gets_one() -> None:
    """Also under the key that is still the current one."""
    for ring in (Keyring([OLD]), Keyring([NEW, OLD])):
        plain = sealed_without_envelope(OLD, b"text", b"row 1")
        assert not plain.is_envelope
        assert ring.open(plain, b"row 1") == b"text"
        wrapped = ring.reseal(plain, b"row 1")
        assert (wrapped.key_id, wrapped.is_envelope) == (ring.current, True)
        assert ring.open(wrapped, b"row 1") == b"text"
        with pytest.raises(Unavailable):
            ring.reseal(plain, b"row 2")


def test_an_envelope_is_not_put_together_from_two() -> None:
    """The key of one does not open the bytes of the other, though both are of one place."""
    ring = Keyring([NEW])
    one, two = ring.seal(b"one", b"x"), ring.seal(b"two", b"x")
    mixed = replace(one, ciphertext=one.ciphertext[:48] + two.ciphertext[48:])
    with pytest.raises(Unavailable):
        ring.open(mixed, b"x")


def test_keys_can_be_changed() -> None:
    """The first seals, all open; without the old key what it sealed waits for it."""
    sealed = Keyring([OLD]).seal(b"text", b"x")
    both = Keyring([NEW, OLD])
    assert both.open(sealed, b"x") == b"text"
    assert both.seal(b"text", b"x").key_id == key_id(NEW) == both.current
    with pytest.raises(Unavailable, match=key_id(OLD)) as refused:
        Keyring([NEW]).open(sealed, b"x")
    assert refused.value.code == "keyIsMissing"


def test_keys_are_read_as_they_are_written() -> None:
    """In hexadecimal digits, the current one first, apart by spaces or lines."""
    ring = parse_keys(f"{NEW.hex()}\n{OLD.hex()}\n", "the file")
    assert ring.current == key_id(NEW)
    assert ring.ids() == (key_id(NEW), key_id(OLD))
    assert parse_keys(new_key(), "x").current != parse_keys(new_key(), "x").current


@pytest.mark.parametrize("text", ["", "\n", "short", "ab" * 31, "ab" * 33, "zz" * 32, f"{NEW.hex()} ab"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """In one sentence that says where and what to do, and does not repeat the text."""
    with pytest.raises(BadRequest, match="openssl rand -hex 32") as refused:
        parse_keys(text, "configstore.secret_key")
    assert refused.value.message.startswith("configstore.secret_key: ")
    assert not text.strip() or text.strip() not in refused.value.message


def test_a_keyring_shows_no_key() -> None:
    """Not even to who prints it."""
    ring = Keyring([NEW])
    assert NEW.hex() not in repr(ring)
    assert repr(NEW) not in repr(ring)
