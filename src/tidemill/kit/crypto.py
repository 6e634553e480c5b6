"""Sealing: bytes that only the holder of a key can read, and only in the place that they were sealed for.

What is sealed is an envelope: the bytes are encrypted (AES-256-GCM) under a key of their own, and that key
under one of a keyring, so that another key of the ring can take over without a look at the bytes.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from tidemill.errors import BadRequest, Unavailable

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_WRAPPED_BYTES = KEY_BYTES + _TAG_BYTES
_KEY_ID_PREFIX = b"tidemill key id:"
_KEY_OF = b"key of "


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What may be stored: nobody can read it without the key that *key_id* tells."""

    key_id: str
    nonce: bytes
    """Two of them: that of the wrapped key, then that of the bytes. Only one in what has no envelope."""
    ciphertext: bytes
    """The wrapped key, then the bytes."""

    @property
    def is_envelope(self) -> bool:
        """Its bytes have a key of their own; earlier versions sealed them under the ring's."""
        return len(self.nonce) != _NONCE_BYTES


class Keyring:
    """The first key seals; it and the older ones behind it open. Keys are never shown, not even by `repr`."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a keyring needs keys, each of {KEY_BYTES} bytes")
        self._keys = {key_id(key): key for key in keys}
        self.current = key_id(keys[0])

    def ids(self) -> tuple[str, ...]:
        """The names of the keys, the current one first."""
        return tuple(self._keys)

    def seal(self, plain: bytes, bound_to: bytes) -> Sealed:
        """Encrypt *plain* so that it opens only together with *bound_to*, the place it is for."""
        own, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(_NONCE_BYTES)
        return self._wrapped(own, nonce, _cipher(own).encrypt(nonce, plain, bound_to), bound_to)

    def reseal(self, sealed: Sealed, bound_to: bytes) -> Sealed:
        """The same under the current key; the bytes of an envelope stay as they are.

        Raises Unavailable as `open` does, and for an envelope that was altered only if its key was.
        """
        if not sealed.is_envelope:
            return self.seal(self.open(sealed, bound_to), bound_to)
        own = self._unwrapped(sealed, bound_to)
        return self._wrapped(own, sealed.nonce[_NONCE_BYTES:], sealed.ciphertext[_WRAPPED_BYTES:], bound_to)

    def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """What was sealed; raises Unavailable without its key, and for what was altered or moved."""
        if not sealed.is_envelope:
            return _opened(self._key(sealed), sealed.nonce, sealed.ciphertext, bound_to)
        own = self._unwrapped(sealed, bound_to)
        return _opened(own, sealed.nonce[_NONCE_BYTES:], sealed.ciphertext[_WRAPPED_BYTES:], bound_to)

    def _key(self, sealed: Sealed) -> bytes:
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise Unavailable(
                f"sealed under the key {sealed.key_id}, which is not here; give it back as an older key",
                code="keyIsMissing",
            )
        return key

    def _wrapped(self, own: bytes, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> Sealed:
        outer = secrets.token_bytes(_NONCE_BYTES)
        wrapped = _cipher(self._keys[self.current]).encrypt(outer, own, _KEY_OF + bound_to)
        return Sealed(key_id=self.current, nonce=outer + nonce, ciphertext=wrapped + ciphertext)

    def _unwrapped(self, sealed: Sealed, bound_to: bytes) -> bytes:
        nonce, wrapped = sealed.nonce[:_NONCE_BYTES], sealed.ciphertext[:_WRAPPED_BYTES]
        return _opened(self._key(sealed), nonce, wrapped, _KEY_OF + bound_to)


def _opened(key: bytes, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - loaded with the cipher

    try:
        plain: bytes = _cipher(key).decrypt(nonce, ciphertext, bound_to)
    except (InvalidTag, ValueError):  # ValueError: a nonce of an impossible length
        raise Unavailable(
            "what is stored does not open: it was altered, or moved from elsewhere", code="sealIsBroken"
        ) from None
    return plain


def key_id(key: bytes) -> str:
    """A name for *key* that says nothing about it."""
    return hashlib.sha256(_KEY_ID_PREFIX + key).hexdigest()[:16]


def parse_keys(text: str, where: str) -> Keyring:
    """The keys written in *text*, the current one first; raises BadRequest, which never repeats them."""
    try:
        return Keyring([bytes.fromhex(word) for word in text.split()])
    except ValueError:
        raise BadRequest(
            f"{where}: expected keys of {2 * KEY_BYTES} hexadecimal digits, the current one first;"
            f" make one with: openssl rand -hex {KEY_BYTES}",
            code="badSettings",
        ) from None


def new_key() -> str:
    """A fresh key as `parse_keys` reads it."""
    return secrets.token_hex(KEY_BYTES)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 14 ms, rarely needed

    return AESGCM(key)
