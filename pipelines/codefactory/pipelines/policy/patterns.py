"""Hosts and names with a `*`: whether one is matched, and what two of them have in common."""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PORT = re.compile(r"^(.*?)(?::(\d{1,5}))?$")


def host_of(text: str) -> tuple[str, int | None]:
    """A host or pattern as name and port: in lower case, without brackets and a last dot, in its ASCII form."""
    text = text.strip().lower()
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        return _address(name), int(rest[1:]) if rest[1:].isdigit() else None
    if text.count(":") > 1:
        return _address(text), None
    match = _PORT.match(text)
    name, port = (match[1], match[2]) if match else (text, None)
    name = name.rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            name = ""  # no host is called so: it matches nothing
    return name, int(port) if port else None


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def host_matches(pattern: str, host: str, port: int | None = None) -> bool:
    """`*.example.com` matches what is below example.com, not itself. A pattern without a port matches any port."""
    wanted, wanted_port = host_of(pattern)
    name, own_port = host_of(host)
    port = port if port is not None else own_port
    return bool(name) and wanted_port in (None, port) and _name_matches(wanted, name)


def _name_matches(pattern: str, name: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) >= len(pattern)
    return pattern == name and bool(name)


def common_hosts(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Patterns for the hosts that both lists match."""
    found: dict[str, None] = {}
    others = [host_of(o) for o in other]
    for pattern in one:
        name, port = host_of(pattern)
        for other_name, other_port in others:
            if None not in (port, other_port) and port != other_port:
                continue
            narrower = other_name if _covers(name, other_name) else name if _covers(other_name, name) else None
            if narrower:
                found[_written(narrower, port if port is not None else other_port)] = None
    return tuple(found)


def _covers(wide: str, narrow: str) -> bool:
    return wide == narrow or wide == "*" or (wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:]))


def _written(name: str, port: int | None) -> str:
    if port is None:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def name_matches(patterns: Iterable[str], name: str) -> bool:
    """Whether a name is one of those, which may have a `*`."""
    return any(pattern == name or ("*" in pattern and fnmatchcase(name, _literal(pattern))) for pattern in patterns)


def _literal(pattern: str) -> str:
    """Only `*` is special: `?` and `[` stand for themselves."""
    return re.sub(r"[?\[]", lambda m: f"[{m[0]}]", pattern)


def common_names(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Patterns for names that both lists match. Of two that only overlap, as `a*` and `*b`, nothing is left."""
    first, second = tuple(one), tuple(other)
    found = [name for name in first if _inside(name, second)] + [name for name in second if _inside(name, first)]
    return tuple(dict.fromkeys(found))


def _inside(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether all that `name` matches is matched by one of the patterns. A `*` in it must meet a `*`."""
    return any(name == p or (p.endswith("*") and p.count("*") == 1 and name.startswith(p[:-1])) for p in patterns) or (
        "*" not in name and name_matches(patterns, name)
    )
