"""A lock without a clock checks who the broker is, but not whether its certificate is of today."""

import socket
import ssl
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware_sim.mqtt import tls_context

BEGAN = datetime(2000, 1, 1, tzinfo=UTC)
EXPIRED = datetime(2001, 1, 1, tzinfo=UTC)
LATER = datetime(2090, 1, 1, tzinfo=UTC)


def certificate(folder: Path, name: str, issuer: str, host: str | None, until: datetime) -> None:
    """A key and a certificate in `name`.pem, signed by the key in `issuer`.pem (itself for a CA)."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = {part: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, part)]) for part in (name, issuer)}
    signer = key
    if issuer != name:
        loaded = serialization.load_pem_private_key((folder / f"{issuer}.pem").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
    built = (
        x509.CertificateBuilder()
        .subject_name(names[name])
        .issuer_name(names[issuer])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGAN)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), True)
    )
    if host is not None:
        built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.pem").write_bytes(private + built.sign(signer, hashes.SHA256()).public_bytes(pem))


def shakes_hands(folder: Path, server: str, ca: str, clock_known: bool) -> bool:
    """Whether a lock that pins a CA accepts a server's certificate."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / f"{server}.pem")

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                serving.wrap_socket(connection, server_side=True).close()
            except (ssl.SSLError, OSError):
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        context = tls_context(str(folder / f"{ca}.pem"), clock_known)
        try:
            with (
                socket.create_connection(listener.getsockname()) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return True
        except ssl.SSLCertVerificationError:
            return False
        finally:
            thread.join()


@pytest.mark.parametrize(
    "server,ca,clock_known,accepted",
    [
        ("good", "ca", True, True),
        ("expired", "ca", True, False),
        ("expired", "ca", False, True),
        ("elsewhere", "ca", False, False),
        ("good", "other", False, False),
    ],
)
def test_dates_count_for_a_lock_that_knows_the_time_and_names_for_every_lock(
    tmp_path: Path, server: str, ca: str, clock_known: bool, accepted: bool
) -> None:
    certificate(tmp_path, "ca", "ca", None, LATER)
    certificate(tmp_path, "other", "other", None, LATER)
    certificate(tmp_path, "good", "ca", "127.0.0.1", LATER)
    certificate(tmp_path, "expired", "ca", "127.0.0.1", EXPIRED)
    certificate(tmp_path, "elsewhere", "ca", "127.0.0.2", LATER)
    assert shakes_hands(tmp_path, server, ca, clock_known) is accepted
