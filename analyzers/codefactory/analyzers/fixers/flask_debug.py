"""B201: Flask's debugger runs any code its visitors send. → `debug=False`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument, is_true
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "flask-debug-off"
_NOTE = "The reloader is off too. To debug on your own machine, run `flask run --debug`."


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: argument(c, "debug") is not None)
    debug = argument(call, "debug")
    if debug is None or not is_true(debug.value):
        raise Decline("`debug=True` is not written in this call")
    return [
        Fix("Use debug=False", (source.replace(debug.value, "False"),), Safety.REVIEW, NAME, (_NOTE,)),
    ]


FIXERS = (
    Fixer(NAME, frozenset({"B201"}), _fix, not_applied="`debug` is not the literal True in the flagged call itself."),
)
