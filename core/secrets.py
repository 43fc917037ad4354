"""Secrets at rest: AES-256-GCM under the service's master key, bound to the row they belong to."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.ids import random_bytes

_NONCE = 12


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The master key. Its text form never shows the key."""

    master_key: bytes

    def __post_init__(self) -> None:
        if len(self.master_key) != 32:
            raise ValueError("the master key has 32 bytes, written as 64 hex digits")

    @classmethod
    def of_hex(cls, text: str) -> "Keyring":
        """The keyring of `KAIHO_MASTER_KEY`."""
        return cls(bytes.fromhex(text))

    def wrap(self, secret: bytes, *, bound_to: str) -> bytes:
        """Encrypt `secret` so that it opens only under the same `bound_to` (the lock id, say)."""
        nonce = random_bytes(_NONCE)
        return nonce + AESGCM(self.master_key).encrypt(nonce, secret, bound_to.encode())

    def unwrap(self, wrapped: bytes, *, bound_to: str) -> bytes:
        """Decrypt what `wrap` made.

        Raises:
            cryptography.exceptions.InvalidTag: changed, or moved from another row.
        """
        return AESGCM(self.master_key).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound_to.encode())
