"""Sealing: bytes that only the holder of a key can read, and only in the place that they were sealed for."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from tidemill.errors import BadRequest, Unavailable

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID_PREFIX = b"tidemill key id:"


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What may be stored: nobody can read it without the key that *key_id* tells."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Keyring:
    """The first key seals; it and the older ones behind it open. Keys are never shown, not even by `repr`."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a keyring needs keys, each of {KEY_BYTES} bytes")
        self._keys = {key_id(key): key for key in keys}
        self.current = key_id(keys[0])

    def __contains__(self, id: str) -> bool:
        return id in self._keys

    def seal(self, plain: bytes, bound_to: bytes) -> Sealed:
        """Encrypt *plain* (AES-GCM) so that it opens only together with *bound_to*, the place it is for."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = _cipher(self._keys[self.current]).encrypt(nonce, plain, bound_to)
        return Sealed(key_id=self.current, nonce=nonce, ciphertext=ciphertext)

    def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """What was sealed; raises Unavailable without its key, and for what was altered or moved."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - loaded with the cipher

        key = self._keys.get(sealed.key_id)
        if key is None:
            raise Unavailable(
                f"sealed under the key {sealed.key_id}, which is not here; give it back as an older key",
                code="keyIsMissing",
            )
        try:
            plain: bytes = _cipher(key).decrypt(sealed.nonce, sealed.ciphertext, bound_to)
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
