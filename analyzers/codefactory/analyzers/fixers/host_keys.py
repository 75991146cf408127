"""B507: paramiko's AutoAddPolicy and WarningPolicy trust a server nobody knows. → RejectPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "reject-unknown-hosts"
_TRUSTING = ("AutoAddPolicy", "WarningPolicy")
_NOTE = (
    "Hosts that are not known yet are refused from now on: call load_system_host_keys() or load_host_keys(file) "
    "before connect()."
)


def _policy(call: cst.Call) -> cst.BaseExpression | None:
    """The class that is given as policy, or whose instance is."""
    function = call.func
    if not isinstance(function, cst.Attribute) or function.attr.value != "set_missing_host_key_policy" or not call.args:
        return None
    value = call.args[0].value
    return value.func if isinstance(value, cst.Call) else value


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _policy(c) is not None)
    policy = _policy(call)
    trusting = isinstance(policy, cst.Attribute) and policy.attr.value in _TRUSTING
    if policy is None or not (trusting or (source.qualified_name(policy) or "").startswith("paramiko.")):
        raise Decline("the policy is not one of paramiko's own")
    policies = [_policy(other) for other in source.all(cst.Call)]
    edits = source.rename(policy, "RejectPolicy", lambda use: use in policies)
    return [Fix("Use RejectPolicy", edits, Safety.REVIEW, NAME, (_NOTE,))]


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B507"}),
        _fix,
        not_applied="The policy is a class of the project's own.",
    ),
)
