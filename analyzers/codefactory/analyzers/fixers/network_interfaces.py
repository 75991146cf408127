"""B104: "0.0.0.0" listens on all interfaces. → "127.0.0.1", where the string is evidently an address to listen on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import vocabulary, words
from .nodes import string_value
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "loopback-only"
_LISTENING = vocabulary("addr address bind host hostname interface ip listen")
_CALLING = vocabulary("allow allowed any block blocked local peer remote source trusted wildcard")
"""Words of addresses that are not listened on."""
_NOTE = (
    "The service is reachable from this machine only. In a container, or where other machines need it, "
    "bind the interface they use."
)


def _fix(source: Source, finding: Finding) -> list[Fix]:
    literal = source.find(finding, cst.SimpleString, lambda s: string_value(s) == "0.0.0.0")  # noqa: S104  (the finding)
    if not any(words(name) & _LISTENING and not words(name) & _CALLING for name in _receivers(source, literal)):
        raise Decline("it cannot be seen that this address is one to listen on")
    edit = source.replace(literal, f"{literal.prefix}{literal.quote}127.0.0.1{literal.quote}")
    return [Fix("Listen on 127.0.0.1 only", (edit,), Safety.REVIEW, NAME, (_NOTE,))]


def _receivers(source: Source, literal: cst.SimpleString) -> list[str]:
    """The names the value goes to: a variable, parameter, keyword or key; in `f(("0.0.0.0", port))`, the function."""
    parent = source.parent(literal)
    if isinstance(parent, cst.Arg):
        return [parent.keyword.value] if parent.keyword else []
    if isinstance(parent, cst.Element):
        pair = source.parent(parent)
        arg = source.parent(pair) if isinstance(pair, cst.Tuple) and pair.elements[0] is parent else None
        call = source.parent(arg) if isinstance(arg, cst.Arg) else None
        function = call.func if isinstance(call, cst.Call) else None
        return [function.attr.value] if isinstance(function, cst.Attribute) else []
    if isinstance(parent, cst.Param):
        return [parent.name.value]
    if isinstance(parent, cst.Assign):
        return [source.code(target.target) for target in parent.targets]
    if isinstance(parent, cst.AnnAssign):
        return [source.code(parent.target)]
    if isinstance(parent, cst.DictElement) and parent.value is literal:
        return [string_value(parent.key) or ""]
    return []


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B104"}),
        _fix,
        not_applied="The string goes to nothing that is named like an address to listen on; it is compared with, say.",
    ),
)
