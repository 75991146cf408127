"""B307: `eval` runs code. → `ast.literal_eval`, where the text is read as a value."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import string_value
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "literal-eval"
_NOTE = "Only literals are read from now on (numbers, strings, lists, dictionaries, …); other text raises ValueError."
_CODE = ("code", "expr", "expression", "formula", "func", "function", "script", "cmd", "command", "cond", "condition")


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) in ("eval", "builtins.eval"))
    if len(call.args) != 1 or call.args[0].star:
        raise Decline("the expression is evaluated with names of its own")
    _check_text(source, call.args[0].value)
    parent = source.parent(call)
    if isinstance(parent, cst.Attribute) or (isinstance(parent, cst.Call) and parent.func is call):
        raise Decline("the result is used as an object, so the text is an expression")
    name, imports = source.importing("ast")
    edits = (*imports, source.replace(call.func, f"{name}.literal_eval"))
    return [Fix("Use ast.literal_eval", edits, Safety.REVIEW, NAME, (_NOTE,))]


def _check_text(source: Source, text: cst.BaseExpression) -> None:
    literal = string_value(text)
    if literal is not None:
        try:
            ast.literal_eval(literal.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise Decline("the text is a constant expression: write it as code, without `eval`") from error
        return
    match text:
        case cst.FormattedString() | cst.BinaryOperation() | cst.ConcatenatedString():
            raise Decline("the text is put together as an expression: use a function or a dictionary of functions")
        case cst.Call(func=cst.Attribute(value=value)) if string_value(value) is not None:
            raise Decline("the text is put together as an expression: use a function or a dictionary of functions")
        case cst.Call(func=cst.Name(value=("compile" | "input"))):
            raise Decline(f"`{source.code(text)}` is code")
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            if name.lower().rpartition("_")[2] in _CODE:
                raise Decline(f"`{name}` is an expression, by its name")
        case _:
            pass


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B307"}),
        _fix,
        not_applied="The text is evidently an expression, or is evaluated with globals or locals.",
    ),
)
