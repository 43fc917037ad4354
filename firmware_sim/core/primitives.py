"""Keys and codes of the lock protocol, sections 1 and 2, from SHA-256 alone."""

import binascii
import hashlib
import struct

BLOCK = 64
GRANULE_S = 1800


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def to_hex(data: bytes) -> str:
    return binascii.hexlify(data).decode()


def from_hex(text: str) -> bytes:
    return binascii.unhexlify(text)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 over SHA-256."""
    if len(key) > BLOCK:
        key = sha256(key)
    key = key + bytes(BLOCK - len(key))
    inner = bytes([b ^ 0x36 for b in key])
    outer = bytes([b ^ 0x5C for b in key])
    return sha256(outer + sha256(inner + message))


def hkdf(secret: bytes, info: bytes, salt: bytes = b"", length: int = 32) -> bytes:
    """RFC 5869 with SHA-256."""
    pseudo_random_key = hmac_sha256(salt or bytes(32), secret)
    block = b""
    out = b""
    index = 0
    while len(out) < length:
        index += 1
        block = hmac_sha256(pseudo_random_key, block + info + bytes([index]))
        out += block
    return out[:length]


def subkey(secret: bytes, label: str, epoch: int) -> bytes:
    """The 32-byte key of a label (`up`, `down`, `grant`, `code`) under an epoch."""
    return hkdf(secret, f"kaiho/1/{label}/{epoch}".encode())


def equal(left: bytes, right: bytes) -> bool:
    """Compare without telling, by the time taken, where two strings of one length differ."""
    if len(left) != len(right):
        return False
    difference = 0
    for index in range(len(left)):
        difference |= left[index] ^ right[index]
    return difference == 0


def truncate(mac: bytes, digits: int) -> str:
    """RFC 4226 section 5.3; leading zeros kept."""
    offset = mac[-1] & 15
    number: int = struct.unpack(">I", mac[offset : offset + 4])[0] & 0x7FFFFFFF
    text = str(number % 10**digits)
    return "0" * (digits - len(text)) + text


def counter_of(granule: int, length: int, lane: int, rev: int) -> int:
    """The HOTP counter that names one window of one lane.

    Raises:
        ValueError: a part outside its range; a wider part would name another window.
    """
    if not (0 <= granule < 1 << 28 and 1 <= length <= 48 and 0 <= lane <= 31 and 0 <= rev <= 255):
        raise ValueError("window outside the counter's ranges")
    return granule << 24 | length << 16 | lane << 8 | rev


def code_of(key: bytes, granule: int, length: int, lane: int, rev: int) -> str:
    """The eight digits of a window."""
    counter = counter_of(granule, length, lane, rev)
    return truncate(hmac_sha256(key, struct.pack(">Q", counter)), 8)


def is_weak(code: str) -> bool:
    """One digit repeated, or all digits rising or falling by one without wrap."""
    steps = [ord(code[i + 1]) - ord(code[i]) for i in range(len(code) - 1)]
    return len(steps) > 0 and steps[0] in (0, 1, -1) and steps == [steps[0]] * len(steps)


def verifier_of(key: bytes, gid: str, code: str) -> str:
    """What a desired state carries in place of a staff code."""
    return to_hex(hmac_sha256(key, (gid + "|" + code).encode())[:16])
