"""B323: a context that verifies nothing. → `ssl.create_default_context`.

B502, B503: SSL 2, SSL 3, TLS 1.0 and 1.1 as argument or as default. → `ssl.PROTOCOL_TLS`, which negotiates, and below
which Python 3.10 and later accept no version under TLS 1.2; pyOpenSSL has no such floor, so there → `TLSv1_2_METHOD`.

B504: `ssl.wrap_socket` without a version. → `ssl.PROTOCOL_TLSv1_2` (to write the default out would change nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument, has_star_arguments
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

CONTEXT = "verified-tls-context"
VERSION = "tls-version"

_WEAK = {
    **dict.fromkeys(
        ("ssl.PROTOCOL_SSLv2", "ssl.PROTOCOL_SSLv3", "ssl.PROTOCOL_TLSv1", "ssl.PROTOCOL_TLSv1_1"), "PROTOCOL_TLS"
    ),
    **{
        f"{package}.SSL.{version}_METHOD": "TLSv1_2_METHOD"
        for package in ("OpenSSL", "pyOpenSSL")
        for version in ("SSLv2", "SSLv3", "SSLv23", "TLSv1", "TLSv1_1")
    },
}
_VERIFIES = "Servers with a self-signed, expired or wrong certificate are refused from now on."
_OLD_PEERS = "Peers that know nothing newer than TLS 1.1 are refused from now on."
_NOTES = {
    "PROTOCOL_TLS": (
        _OLD_PEERS,
        "Before Python 3.10 set `minimum_version` too: PROTOCOL_TLS alone has no floor there.",
    ),
    "PROTOCOL_TLSv1_2": (_OLD_PEERS, "TLS 1.3 is not used: move to ssl.SSLContext for that."),
    "TLSv1_2_METHOD": (_OLD_PEERS, "TLS 1.3 is not used: that needs TLS_METHOD and set_min_proto_version."),
}
_CONTEXT_ARGUMENTS = {"purpose", "cafile", "capath", "cadata"}
"""What `create_default_context` takes under the same names."""


def _context(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) == "ssl._create_unverified_context")
    for arg in call.args:
        if arg.star or arg.keyword is None or arg.keyword.value not in _CONTEXT_ARGUMENTS:
            raise Decline("`ssl.create_default_context` does not take all of these arguments")
    edits = source.rename(call.func, "create_default_context")
    return [Fix("Use ssl.create_default_context", edits, Safety.REVIEW, CONTEXT, (_VERIFIES,))]


def _version(source: Source, finding: Finding) -> list[Fix]:
    def weak(call: cst.Call) -> list[cst.BaseExpression]:
        values = [arg.value for keyword in ("ssl_version", "method") if (arg := argument(call, keyword))]
        return [value for value in values if source.qualified_name(value) in _WEAK]

    call = source.find(finding, cst.Call, lambda c: bool(weak(c)))
    old = weak(call)[0]
    fixes = [_to(source, [old], _WEAK[source.qualified_name(old) or ""])]
    if (source.qualified_name(old) or "").startswith("ssl."):
        fixes.append(_to(source, [old], "PROTOCOL_TLSv1_2"))
    return fixes


def _default_version(source: Source, finding: Finding) -> list[Fix]:
    def weak(function: cst.FunctionDef) -> list[cst.BaseExpression]:
        params = (*function.params.posonly_params, *function.params.params, *function.params.kwonly_params)
        return [p.default for p in params if p.default is not None and source.qualified_name(p.default) in _WEAK]

    old = weak(source.find(finding, cst.FunctionDef, lambda f: bool(weak(f))))
    return [_to(source, old, _WEAK[source.qualified_name(old[0]) or ""])]


def _to(source: Source, old: list[cst.BaseExpression], name: str) -> Fix:
    module = (source.qualified_name(old[0]) or "").rpartition(".")[0]
    edits = tuple(
        edit
        for value in old
        if (source.qualified_name(value) or "").startswith(f"{module}.")
        for edit in source.rename(value, name)
    )
    return Fix(f"Use {name}", edits, Safety.REVIEW, VERSION, _NOTES[name])


def _without_version(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) == "ssl.wrap_socket")
    if has_star_arguments(call) or argument(call, "ssl_version", 5):
        raise Decline("the version is given by position, or may be hidden in * or ** arguments")
    ssl, imports = source.importing("ssl")
    name = "PROTOCOL_TLSv1_2"
    edits = (*imports, source.add_argument(call, f"ssl_version={ssl}.{name}"))
    gone = "ssl.wrap_socket is gone from Python 3.12, and never checked the host's name."
    return [Fix(f"Use {name}", edits, Safety.REVIEW, VERSION, (*_NOTES[name], gone))]


FIXERS = (
    Fixer(
        CONTEXT,
        frozenset({"B323"}),
        _context,
        not_applied="The context is made with arguments that `create_default_context` does not have.",
    ),
    Fixer(
        VERSION,
        frozenset({"B502"}),
        _version,
        not_applied="The version is not written as a constant of `ssl` or of pyOpenSSL's `SSL`.",
    ),
    Fixer(
        VERSION,
        frozenset({"B503"}),
        _default_version,
        not_applied="The default is not written as a constant of `ssl` or of pyOpenSSL's `SSL`.",
    ),
    Fixer(
        VERSION,
        frozenset({"B504"}),
        _without_version,
        not_applied="The version is given by position, or may come from * or ** arguments.",
    ),
)
