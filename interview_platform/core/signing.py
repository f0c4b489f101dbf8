"""Signatures by Ed25519 (RFC 8032)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .canonical import canonical

ALGORITHM = "Ed25519"
KEY_BYTES = 32


class Signer:
    """Signs with the key that `seed` makes, of `KEY_BYTES`; raises ValueError for any other."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def sign_statement(self, statement: Mapping[str, Any]) -> dict[str, Any]:
        """Return `statement` with this key and its signature of the canonical form."""
        signed = {
            **statement,
            "signatureAlgorithm": ALGORITHM,
            "keyId": self.key_id,
            "publicKey": b64encode(self.public_key).decode(),
        }
        return {**signed, "signature": b64encode(self.sign(canonical(signed))).decode()}


def key_id(public_key: bytes) -> str:
    """Return a short name of a key: the first 16 hex digits of its SHA-256."""
    return sha256(public_key).hexdigest()[:16]


def signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` is that of `public_key` on `message`; False too for no key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def statement_signed_by(public_keys: Collection[bytes], signed: Mapping[str, Any]) -> bool:
    """Tell whether one of `public_keys` has signed a statement, as `sign_statement` does."""
    said = {name: value for name, value in signed.items() if name != "signature"}
    try:
        key = b64decode(signed["publicKey"], validate=True)
        signature = b64decode(signed["signature"], validate=True)
    except (KeyError, TypeError, ValueError):
        return False
    return key in public_keys and signed_by(key, signature, canonical(said))
