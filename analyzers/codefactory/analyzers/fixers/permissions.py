"""B103: a mode that lets group or others write or execute. → The same mode without those rights; the owner alone
keeps any where group or others had the right to execute, since reading a program or folder is then of no use."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "private-permissions"
_EXECUTE = stat.S_IXGRP | stat.S_IXOTH
_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: _name(c).endswith("chmod"))
    mode = argument(call, "mode", 1) or (call.args[-1] if len(call.args) == 1 else None)
    if mode is None or not isinstance(mode.value, cst.Integer):
        raise Decline("the mode is not written as a number in this call")
    old = mode.value.evaluated_value
    new = old & ~(_OTHERS if old & _EXECUTE else _WRITE)
    if not new & stat.S_IRWXU:
        raise Decline("nobody could use the file any more: the mode gives its owner no right")
    edit = source.replace(mode.value, f"0o{new:o}")
    note = f"Other users lose what {old:#o} gave them beyond {new:#o}."
    return [Fix(f"Use the mode 0o{new:o}", (edit,), Safety.REVIEW, NAME, (note,))]


def _name(call: cst.Call) -> str:
    if isinstance(call.func, cst.Attribute):
        return call.func.attr.value
    return call.func.value if isinstance(call.func, cst.Name) else ""


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B103"}),
        _fix,
        not_applied="The mode is no number, or gives its owner no right, so that what was meant is unclear.",
    ),
)
