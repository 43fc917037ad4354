"""Which vendors there are: every file of this folder that has `connect`, by its name in the settings."""

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from core.errors import Refused
from locks.vendors.port import VendorCloud

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class NoSuchVendor(Refused):
    """There is no file for it, or it is not in the settings."""

    code = "no_such_vendor"
    sentence = "そのメーカーの錠には対応していないか、設定がありません。"


def clouds_of(accounts: Mapping[str, Mapping[str, str]]) -> dict[str, VendorCloud]:
    """The clouds that the settings name, connected with what they say: {vendor: {"url": …, …}}.

    Raises:
        NoSuchVendor: no file for one of them.
    """
    return {name: _connected(name, account) for name, account in accounts.items()}


def _connected(name: str, account: Mapping[str, str]) -> VendorCloud:
    module_name = f"{__package__}.{name}"
    if not _NAME.fullmatch(name) or find_spec(module_name) is None:
        raise NoSuchVendor(name)
    connect = getattr(import_module(module_name), "connect", None)
    if connect is None:
        raise NoSuchVendor(name)
    cloud: VendorCloud = connect(account)
    return cloud
