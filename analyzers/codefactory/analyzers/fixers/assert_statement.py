"""B101: `python -O` removes assertions. → `if not …: raise AssertionError(…)`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety
from codefactory.analyzers.text import TextEdit

from .fixer import Fixer
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "assert-to-raise"
_NOTE = "The check also runs under `python -O`, which it did not before."
_TEST_FRAMEWORKS = ("pytest", "unittest", "hypothesis", "nose")
_OPPOSITE: dict[type[cst.BaseCompOp], str] = {cst.In: "not in", cst.NotIn: "in", cst.Is: "is not", cst.IsNot: "is"}
"""Comparisons whose opposite is the same as `not`, whatever the operands are. (`==` and `<` can be overloaded.)"""


def _fix(source: Source, finding: Finding) -> list[Fix]:
    node = source.find(finding, cst.Assert)
    if _is_test(source):
        raise Decline("this is a test: `assert` is how tests check")
    line = source.parent(node)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        raise Decline("another statement stands on the same line")
    raised = f"raise AssertionError{_message(source, node.msg)}"
    match node.test:
        case cst.Tuple(elements=elements) if elements:
            raise Decline("a tuple is always true, so this checks nothing: probably the parentheses are wrong")
        case cst.Name(value=("False" | "None")) | cst.Integer(value="0"):
            code = raised
        case cst.Name(value="True") | cst.Integer() | cst.SimpleString() | cst.FormattedString():
            raise Decline("this is always true, so it checks nothing: remove it, or write the check")
        case _:
            indent = source.indentation(node)
            inner = f"{source.text.newline}{indent}{source.module.default_indent}"
            code = f"if {_negated(source, node.test)}:{inner}{raised}"
    edit = TextEdit(source.span(node), code)
    return [Fix("Raise AssertionError", (edit,), Safety.SAFE, NAME, (_NOTE,))]


def _message(source: Source, message: cst.BaseExpression | None) -> str:
    if message is None:
        return ""
    code = source.code_with_parentheses(message)
    return code if len(message.lpar) == 1 and not isinstance(message, (cst.Tuple, cst.GeneratorExp)) else f"({code})"


def _is_test(source: Source) -> bool:
    path = PurePosixPath((source.snapshot.path or "").replace("\\", "/"))
    is_named = re.fullmatch(r"test_.*|.*_tests?|tests?|conftest", path.stem) is not None
    modules = {b.qualified.split(".")[0] for bindings in source.bindings.values() for b in bindings}
    return is_named or bool({"test", "tests", "testing"} & set(path.parts)) or bool(modules & set(_TEST_FRAMEWORKS))


def _negated(source: Source, test: cst.BaseExpression) -> str:
    code = source.code_with_parentheses(test)
    match test:
        case cst.UnaryOperation(operator=cst.Not(), expression=operand) if not test.lpar:
            return source.code_with_parentheses(operand)
        case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=operator, comparator=right)]) if (
            type(operator) in _OPPOSITE
        ):
            a, b = source.code_with_parentheses(left), source.code_with_parentheses(right)
            negated = f"{a} {_OPPOSITE[type(operator)]} {b}"
            return f"({negated})" if "\n" in negated else negated
        case cst.Name() | cst.Attribute() | cst.Call() | cst.Subscript():
            return f"not {code}"
        case _:
            return f"not {code}" if test.lpar else f"not ({code})"


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B101"}),
        _fix,
        not_applied="In tests, for conditions that are always true, and where another statement stands on the line.",
    ),
)
