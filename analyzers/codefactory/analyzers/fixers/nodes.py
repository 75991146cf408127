"""Questions about single nodes, which need no tree."""

from __future__ import annotations

import libcst as cst


def argument(call: cst.Call, keyword: str, index: int | None = None) -> cst.Arg | None:
    """The argument given by `keyword`, else positionally at `index`; None when neither, or when `*args` hides it."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == keyword:
            return arg
    if index is None:
        return None
    for at, arg in enumerate(call.args):
        if arg.star or arg.keyword is not None:
            return None
        if at == index:
            return arg
    return None


def has_star_arguments(call: cst.Call) -> bool:
    """Whether `*args` or `**kwargs` may give arguments that cannot be seen."""
    return any(arg.star for arg in call.args)


def string_value(node: cst.CSTNode | None) -> str | None:
    """The value of a plain string literal (concatenated ones too); None for bytes, f-strings and anything else."""
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def is_true(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Name) and node.value == "True"


def is_false(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Name) and node.value == "False"
