"""Whom an address stands for where tries are counted."""

from ipaddress import IPv6Address, ip_address, ip_network

_SUBSCRIBER_BITS = 64
"""RFC 6177: a household has at least a /64, all addresses of which are its own to change as it likes."""


def network_of(address: str | None) -> str:
    """The network whose tries count together: an IPv4 address, the /64 of an IPv6 address.

    What is no address (a local socket, nothing) counts as written.
    """
    try:
        known = ip_address(address or "")
    except ValueError:
        return address or ""
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((int(known), _SUBSCRIBER_BITS), strict=False))
