"""A Mosquitto on loopback, as the demo and the tests run it."""

import shutil
from pathlib import Path

from core.errors import Unavailable

_TLS = """\
certfile {folder}/tls/server.pem
keyfile {folder}/tls/server.pem
tls_version tlsv1.2
"""

_AT_ONCE = "autosave_interval 1\nautosave_on_changes true\n"
"""Every change writes the whole store: what a kill -9 must not lose, and a tenth of the contacts a second."""
_NOW_AND_THEN = "autosave_interval 30\n"
"""As `deploy/mosquitto.conf` has it."""

_CONFIGURATION = """\
# The listener comes first: an option before it would open 1883 on every interface.
listener {port} 127.0.0.1
use_username_as_clientid true
{tls}set_tcp_nodelay true
max_connections 20000
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
pid_file {folder}/mosquitto.pid
persistence true
persistence_location {folder}/store/
{saving}persistent_client_expiration 1d
max_packet_size 65536
max_inflight_messages 2000
max_queued_messages 10000
log_dest stderr
log_type error
log_type warning
{user}"""


def mosquitto_command(
    folder: Path, port: int, *, is_root: bool, is_tls: bool = False, is_busy: bool = False
) -> list[str]:
    """Write the broker's configuration into a folder and say how to start it.

    With `is_tls` it speaks TLS alone, by what `locks.broker_certificates.ensure` made in the same folder.
    With `is_busy` it saves its store now and then, as a deployment's does.

    Raises:
        Unavailable: Mosquitto is not installed.
    """
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Unavailable(
            "mosquitto is not installed",
            sentence="Mosquitto が見つかりません。make setup を実行してください。",
        )
    (folder / "store").mkdir(parents=True, exist_ok=True)
    for name in ("passwords", "acl"):
        (folder / name).touch(mode=0o600)
    where = folder.resolve()
    text = _CONFIGURATION.format(
        port=port,
        folder=where,
        tls=_TLS.format(folder=where) if is_tls else "",
        saving=_NOW_AND_THEN if is_busy else _AT_ONCE,
        user="user root\n" if is_root else "",
    )
    (folder / "mosquitto.conf").write_text(text)
    return [program, "-c", str(folder / "mosquitto.conf")]
