"""TLS of the broker: a server certificate, and two certificate authorities of our own; locks pin both.

The broker's certificate is issued by the present authority. The next one is made together with it and is
pinned by every lock from its first day: when the present one nears its end, the next issues, and no lock has
to be told. A lock pinned today stays good for as long as the next authority lives.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import ContractBroken

FOLDER = "tls"
"""Below the broker's folder."""
PINNED = "ca.pem"
"""Both authorities' certificates, present first: what locks and gateways pin."""
SERVER = "server.pem"
"""The broker's certificate and its key in one file, so that the two always fit each other."""

PRESENT, NEXT = "authority/present.pem", "authority/next.pem"

WARN_DAYS = (30, 14, 7)

_AUTHORITY_FOR = timedelta(days=3652)
_AUTHORITY_MARGIN = timedelta(days=366)
"""An authority stops issuing this long before its end: what it issued must not outlive it."""
_SERVER_FOR = timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=45)
_BACKDATED = timedelta(days=1)
"""Clocks of locks may be behind."""


@dataclass(frozen=True, slots=True)
class Ending:
    """When a certificate ends; `level` is the highest warning it has earned, None while all is well."""

    what: str
    ends_at: datetime
    days_left: int
    level: int | None


@dataclass(frozen=True, slots=True, repr=False)
class _Issuer:
    """An authority that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure(broker_dir: Path, host: str, *, now: datetime) -> bool:
    """Make what is missing and renew what nears its end; True where the broker has to read again.

    `host` is what locks and gateways call the broker, a name or an address. Each file is replaced whole, so a
    crash between two of them leaves a working broker, and the next run goes on from there.
    """
    folder = broker_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PRESENT).parent.mkdir(mode=0o700, exist_ok=True)
    present = _authority(folder / PRESENT, ends_at=now + _AUTHORITY_FOR, now=now)
    following = _authority(folder / NEXT, ends_at=_end(present) + _AUTHORITY_FOR, now=now)
    if now > _end(present) - _AUTHORITY_MARGIN:
        (folder / NEXT).replace(folder / PRESENT)
        present = following
        following = _authority(folder / NEXT, ends_at=_end(present) + _AUTHORITY_FOR, now=now)
    pinned = _pem(present.certificate) + _pem(following.certificate)
    is_changed = _replace(folder / PINNED, pinned, mode=0o640)
    if not _serves(folder / SERVER, present, host, now):
        _replace(folder / SERVER, _server(present, host, now), mode=0o640)
        is_changed = True
    return is_changed


def pinned_text(broker_dir: Path) -> str | None:
    """What a lock pins, as its installer is shown it (PEM); None where the broker speaks without TLS."""
    path = broker_dir / FOLDER / PINNED
    return path.read_text(encoding="ascii") if path.exists() else None


def endings(broker_dir: Path, *, now: datetime) -> tuple[Ending, ...]:
    """The broker's certificate and its issuer with what is left of them; none where there is no TLS.

    Raises:
        ContractBroken: a file cannot be read as what it should be.
    """
    folder = broker_dir / FOLDER
    found = []
    for what, name in (("server", SERVER), ("authority", PINNED)):
        if (folder / name).exists():
            ends_at = _first_certificate(folder / name).not_valid_after_utc
            days = (ends_at - now) // timedelta(days=1)
            level = min((limit for limit in WARN_DAYS if days < limit), default=None)
            found.append(Ending(what, ends_at, days, level))
    return tuple(found)


def _authority(path: Path, *, ends_at: datetime, now: datetime) -> _Issuer:
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Kaiho locks {serial:x}"[:64])])
        built = (
            _builder(name, name, key.public_key(), serial, now, ends_at)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        _replace(path, _pem(built.sign(key, SHA256())) + _private(key), mode=0o600)
    loaded = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise ContractBroken(f"{path.name} holds no elliptic curve key")
    return _Issuer(_first_certificate(path), loaded)


def _server(issuer: _Issuer, host: str, now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    ends_at = min(now + _SERVER_FOR, _end(issuer))
    subject = issuer.certificate.subject
    built = (
        _builder(name, subject, key.public_key(), x509.random_serial_number(), now, ends_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
    )
    return _pem(built.sign(issuer.key, SHA256())) + _private(key)


def _serves(path: Path, issuer: _Issuer, host: str, now: datetime) -> bool:
    """Whether a server certificate is there, for this host, from this issuer and for long enough."""
    if not path.exists():
        return False
    held = _first_certificate(path)
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        held.issuer == issuer.certificate.subject
        and _general_name(host) in list(names)
        and held.not_valid_before_utc <= now < held.not_valid_after_utc - _RENEWED_BEFORE
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    now: datetime,
    ends_at: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(ends_at)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _first_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except ValueError as error:
        raise ContractBroken(f"{path.name} holds no certificate") from error


def _end(issuer: _Issuer) -> datetime:
    return issuer.certificate.not_valid_after_utc


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _replace(path: Path, octets: bytes, *, mode: int) -> bool:
    if path.exists() and path.read_bytes() == octets:
        return False
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return True
