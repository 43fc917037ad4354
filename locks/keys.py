"""Keys of a lock (protocol section 1): everything follows from two secrets by HKDF-SHA256 (RFC 5869)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

from core.database import Database
from core.errors import ContractBroken
from core.secrets import Keyring

ROOT_LENGTH = 32

_OPTION = "kaiho_lock_keyring"


def subkey(root: bytes, label: str, epoch: int) -> bytes:
    """32 bytes for one purpose: `up` and `down` (messages), `grant` (staff verifiers), `code` (from the
    code root).
    """
    info = f"kaiho/1/{label}/{epoch}".encode("ascii")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)


def gateway_group(keyring: Keyring) -> str:
    """The name under which all gateways share the hellos; no lock can guess it.

    A broker deals a message to a member of the group before it asks whether that member may read it: a lock
    that joined would make it drop hellos of others.
    """
    info = b"kaiho/gateway-group"
    return HKDF(algorithm=SHA256(), length=16, salt=None, info=info).derive(keyring.master_key).hex()


def lock_binding(lock_id: str) -> str:
    """What a lock's wrapped root is bound to."""
    return lock_id


def group_binding(code_group_id: int) -> str:
    """What a code group's wrapped code root is bound to."""
    return f"code_group/{code_group_id}"


def kept_code_root_binding(lock_id: str) -> str:
    """What a lock's own copy of a code root that its group has no more is bound to."""
    return f"{lock_id}/code_root"


def code_root_of(
    keyring: Keyring,
    *,
    code_group_id: int,
    of_group: bytes,
    lock_id: str | None = None,
    of_lock: bytes | None = None,
) -> bytes:
    """The secret that the codes at an access point come from; `of_…` are wrapped as the rows have them.

    The code group's, unless the lock there was provisioned with another one that it still keeps: a stolen
    lock's group gets a new code root, which its other locks learn only when they are provisioned anew.
    """
    if lock_id is not None and of_lock is not None:
        return keyring.unwrap(of_lock, bound_to=kept_code_root_binding(lock_id))
    return keyring.unwrap(of_group, bound_to=group_binding(code_group_id))


def give_keyring(database: Database, keyring: Keyring) -> None:
    """Let steps that issue grants in this database compute codes; called once, where the app is built.

    Choosing a rev means comparing codes, deep inside transactions whose edges have nothing to do with keys.
    """
    database.engine.update_execution_options(**{_OPTION: keyring})


def keyring_of(session: Session) -> Keyring:
    """The keyring given to this session's database.

    Raises:
        ContractBroken: `give_keyring` was not called for it.
    """
    keyring = session.connection().get_execution_options().get(_OPTION)
    if not isinstance(keyring, Keyring):
        raise ContractBroken("locks.keys.give_keyring was not called for this database")
    return keyring
