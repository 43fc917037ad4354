"""Whether an address is free to listen on, asked before a server that would only say so in its own way."""

import socket

from core.errors import Refused


class AddressTaken(Refused):
    """Somebody listens there already, or it is not an address of this machine."""

    code = "address_taken"
    sentence = (
        "このアドレスでは待ち受けできません。使っているプログラムを止めるか、--listen で変えてください。"
    )


def require_free(host: str, port: int) -> None:
    """Do nothing where the address can be listened on.

    Raises:
        AddressTaken: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise AddressTaken(f"{host}:{port}") from error
