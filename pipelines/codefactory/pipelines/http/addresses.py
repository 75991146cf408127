"""Addresses: which of them lead to this machine, to the network around it, or to nowhere."""

from __future__ import annotations

import ipaddress
import re
import socket

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")
_NOWHERE = (
    ipaddress.IPv4Network("0.0.0.0/8"),
    ipaddress.IPv4Network("240.0.0.0/4"),
    ipaddress.IPv6Network("::/128"),
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def why_private(address: Address) -> str | None:
    """What kind of address it is, if it is not one of the internet's; of an address that holds another, both count."""
    if address.version == 6:
        if (inner := _inner(address)) is not None:
            kind = why_private(inner)
            return f"{kind} (as {inner}, inside of {address})" if kind else None
        if address in _TEREDO:
            return "a tunnel's address"
        if address in _SITE_LOCAL:
            return "a private address"
    elif address in _SHARED:
        return "a provider's shared address"
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    if address.is_private or not address.is_global:
        return "a private address"
    return None


def why_nowhere(address: Address) -> str | None:
    """Addresses that no policy allows: nobody can mean them."""
    if address.version == 6 and (inner := _inner(address)) is not None:
        return why_nowhere(inner)
    if address.is_multicast:
        return "a multicast address"
    return "no host's address" if any(address in network for network in _NOWHERE) else None


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a gateway, or the system itself, would connect to instead."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF)
    if address in _COMPATIBLE and number > 1:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return None


_NAME = re.compile(
    r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)


def why_no_host(host: str) -> str | None:
    """Why this is neither a name nor an address in its usual form. `host` is lower case, and without brackets."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None if "%" not in host else "it names a network interface"
    if not _NAME.fullmatch(host):
        return "it is no host's name"
    try:
        # As inet_aton reads it: 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all 127.0.0.1.
        socket.inet_aton(host.rstrip("."))
    except OSError:
        pass
    else:
        return "it is an address in an unusual form; write four decimal numbers"
    return "it is no host's name" if host.rstrip(".").rpartition(".")[2].isdigit() else None
