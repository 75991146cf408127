"""B614: `torch.load` runs what a pickle says. → `weights_only=True`, the default since torch 2.6."""

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

NAME = "torch-weights-only"
_NOTE = (
    "Files that hold whole models or other Python objects are refused: save a state_dict, or allow their classes with "
    "torch.serialization.add_safe_globals. Needs torch 1.13."
)


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(
        finding, cst.Call, lambda c: source.qualified_name(c.func) in ("torch.load", "torch.serialization.load")
    )
    if argument(call, "pickle_module", 2):
        raise Decline("a pickle module of its own is given, which weights_only=True does not go with")
    if argument(call, "weights_only") is None and has_star_arguments(call):
        raise Decline("weights_only may be hidden in * or ** arguments")
    edit = source.set_argument(call, "weights_only", "True")
    return [Fix("Use weights_only=True", (edit,), Safety.REVIEW, NAME, (_NOTE,))]


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B614"}),
        _fix,
        not_applied="The call has a pickle module of its own, or * or ** arguments.",
    ),
)
