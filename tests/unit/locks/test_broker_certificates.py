"""The broker's certificates over decades: what is pinned, what is renewed, who may read the files."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import ContractBroken
from locks.broker_certificates import (
    FOLDER,
    NEXT,
    PINNED,
    PRESENT,
    SERVER,
    endings,
    ensure,
    pinned_text,
)

NOW = datetime(2027, 4, 1, tzinfo=UTC)
HOST = "mqtt.example.jp"
DAY = timedelta(days=1)


def file(broker_dir: Path, name: str) -> Path:
    return broker_dir / FOLDER / name


def certificate(broker_dir: Path, name: str = SERVER) -> x509.Certificate:
    return x509.load_pem_x509_certificates(file(broker_dir, name).read_bytes())[0]


def pins(broker_dir: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((pinned_text(broker_dir) or "").encode())


def is_issued_by_one_of(held: x509.Certificate, pinned: list[x509.Certificate]) -> bool:
    """Whether a lock with these pins would find the chain."""
    for authority in pinned:
        try:
            held.verify_directly_issued_by(authority)
        except (ValueError, TypeError):
            continue
        except Exception as error:
            assert type(error).__name__ == "InvalidSignature"
            continue
        return True
    return False


def test_the_first_run_makes_what_a_broker_and_its_locks_need(tmp_path: Path) -> None:
    assert pinned_text(tmp_path) is None
    assert endings(tmp_path, now=NOW) == ()
    assert ensure(tmp_path, HOST, now=NOW)
    held = certificate(tmp_path)
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = held.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert len(pins(tmp_path)) == 2
    assert is_issued_by_one_of(held, pins(tmp_path)[:1])
    assert not is_issued_by_one_of(held, pins(tmp_path)[1:])
    # What it made, a TLS library takes: certificate and key fit each other.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file(tmp_path, SERVER))
    assert ssl.create_default_context(cafile=str(file(tmp_path, PINNED))).cert_store_stats()["x509_ca"] == 2


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    ensure(tmp_path, HOST, now=NOW)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    assert not ensure(tmp_path, HOST, now=NOW + 300 * DAY)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.pem")} == before


def test_keys_of_authorities_are_their_owners_alone(tmp_path: Path) -> None:
    ensure(tmp_path, HOST, now=NOW)
    modes = {
        name: oct(file(tmp_path, name).stat().st_mode & 0o777) for name in (PRESENT, NEXT, SERVER, PINNED)
    }
    assert modes == {PRESENT: "0o600", NEXT: "0o600", SERVER: "0o640", PINNED: "0o640"}
    assert oct(file(tmp_path, PRESENT).parent.stat().st_mode & 0o777) == "0o700"
    assert b"PRIVATE" not in file(tmp_path, PINNED).read_bytes()


def test_the_server_certificate_is_renewed_before_it_ends_and_the_pins_stay(tmp_path: Path) -> None:
    ensure(tmp_path, HOST, now=NOW)
    first, pinned = certificate(tmp_path), pinned_text(tmp_path)
    assert ensure(tmp_path, HOST, now=NOW + 321 * DAY)
    assert certificate(tmp_path).serial_number != first.serial_number
    assert certificate(tmp_path).not_valid_after_utc == NOW + (321 + 365) * DAY
    assert pinned_text(tmp_path) == pinned


@pytest.mark.parametrize("host", ["10.0.0.7", "::1", "other.example.jp"])
def test_another_name_of_the_broker_gets_another_certificate(tmp_path: Path, host: str) -> None:
    ensure(tmp_path, HOST, now=NOW)
    assert ensure(tmp_path, host, now=NOW)
    names = certificate(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == [host]
    assert not ensure(tmp_path, host, now=NOW)


def test_a_lock_outlives_its_broker_s_authority_without_being_told(tmp_path: Path) -> None:
    """Run daily for thirty years: whoever pinned on the first day still finds the chain for nineteen."""
    ensure(tmp_path, HOST, now=NOW)
    first = pins(tmp_path)
    found = []
    for month in range(30 * 12):
        now = NOW + month * 30 * DAY
        ensure(tmp_path, HOST, now=now)
        held = certificate(tmp_path)
        assert held.not_valid_before_utc <= now < held.not_valid_after_utc - 14 * DAY
        assert all(ending.level is None for ending in endings(tmp_path, now=now))
        issuer = pins(tmp_path)[0]
        assert issuer.not_valid_before_utc <= now
        assert held.not_valid_after_utc <= issuer.not_valid_after_utc
        found.append(is_issued_by_one_of(held, first))
    lasts = found.index(False)
    assert lasts > 18 * 12
    assert not any(found[lasts:])


def test_a_lock_that_pins_the_present_authority_alone_is_lost_with_it(tmp_path: Path) -> None:
    """Negative control: without the second pin the change of authorities shuts every lock out."""
    ensure(tmp_path, HOST, now=NOW)
    first = pins(tmp_path)
    ensure(tmp_path, HOST, now=NOW + 3300 * DAY)
    assert not is_issued_by_one_of(certificate(tmp_path), first[:1])
    assert is_issued_by_one_of(certificate(tmp_path), first)


def test_a_run_cut_off_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    changed_at = NOW + 3300 * DAY
    for missing in ((NEXT,), (SERVER,), (PINNED,), (NEXT, PINNED), (NEXT, PINNED, SERVER)):
        folder = tmp_path / "-".join(name.replace("/", "_") for name in missing)
        ensure(folder, HOST, now=NOW)
        first = pins(folder)
        ensure(folder, HOST, now=changed_at)
        for name in missing:
            file(folder, name).unlink()
        # A file that was being written when the power went.
        file(folder, SERVER).with_suffix(".new").write_bytes(b"half of it")
        assert ensure(folder, HOST, now=changed_at)
        assert not ensure(folder, HOST, now=changed_at)
        assert is_issued_by_one_of(certificate(folder), first)
        assert is_issued_by_one_of(certificate(folder), pins(folder)[:1])


@pytest.mark.parametrize(
    "days_left,level",
    [(31, None), (30, None), (29, 30), (14, 30), (13, 14), (7, 14), (6, 7), (0, 7), (-1, 7)],
)
def test_an_end_that_comes_near_is_warned_of_three_times(
    tmp_path: Path, days_left: int, level: int | None
) -> None:
    ensure(tmp_path, HOST, now=NOW)
    now = certificate(tmp_path).not_valid_after_utc - days_left * DAY
    server, authority = endings(tmp_path, now=now)
    assert (server.what, server.days_left, server.level) == ("server", days_left, level)
    assert (authority.what, authority.level) == ("authority", None)


def test_a_file_that_is_no_certificate_is_said_by_its_name(tmp_path: Path) -> None:
    ensure(tmp_path, HOST, now=NOW)
    file(tmp_path, SERVER).write_text("-----BEGIN nothing")
    with pytest.raises(ContractBroken, match=SERVER):
        endings(tmp_path, now=NOW)
