"""B113: a request without a timeout can wait forever. → `timeout=30`. B501: `verify=False` accepts every certificate.
→ `verify=True`. For requests and httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument, has_star_arguments, is_false
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

TIMEOUT = "request-timeout"
VERIFY = "verify-certificates"
_TIMEOUT_S = 30
_TIMEOUT_NOTE = (
    f"A server that is silent for {_TIMEOUT_S} s now raises a timeout exception: see that callers expect it."
)
_VERIFY_NOTE = (
    "Servers with a self-signed or wrong certificate are refused from now on. For a private authority, "
    'give its file instead: verify="/path/to/ca.pem".'
)


def _call(source: Source, finding: Finding) -> cst.Call:
    def is_client(call: cst.Call) -> bool:
        return (source.qualified_name(call.func) or "").split(".")[0] in ("requests", "httpx")

    return source.find(finding, cst.Call, is_client)


def _timeout(source: Source, finding: Finding) -> list[Fix]:
    call = _call(source, finding)
    given = argument(call, "timeout")
    if given is None and has_star_arguments(call):
        raise Decline("the timeout may be hidden in * or ** arguments")
    edit = source.set_argument(call, "timeout", str(_TIMEOUT_S))
    title = f"Use timeout={_TIMEOUT_S}" if given else f"Add timeout={_TIMEOUT_S}"
    return [Fix(title, (edit,), Safety.REVIEW, TIMEOUT, (_TIMEOUT_NOTE,))]


def _verify(source: Source, finding: Finding) -> list[Fix]:
    given = argument(_call(source, finding), "verify")
    if given is None or not is_false(given.value):
        raise Decline("`verify=False` is not written in this call")
    edit = source.replace(given.value, "True")
    return [Fix("Use verify=True", (edit,), Safety.REVIEW, VERIFY, (_VERIFY_NOTE,))]


FIXERS = (
    Fixer(
        TIMEOUT,
        frozenset({"B113"}),
        _timeout,
        not_applied="The timeout may come from * or ** arguments.",
    ),
    Fixer(
        VERIFY,
        frozenset({"B501"}),
        _verify,
        not_applied="`verify` is not the literal False in the flagged call itself.",
    ),
)
