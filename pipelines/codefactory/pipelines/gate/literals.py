"""Hiding a value: the flagged text is still in the program, put together from pieces, renamed, or as a default."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codefactory.pipelines.verdict import Reason

from .severity import is_security

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.analyzers import Finding

    from .change import Change
    from .structure import Inventory

_SECRETS = frozenset({"105", "106", "107"})
_SQL = frozenset({"608"})
MIN_SECRET_LENGTH = 4
"""Shorter texts come back by chance."""
_EXECUTES = frozenset({"execute", "executemany", "executescript", "raw"})


def check(change: Change) -> Iterator[Reason]:
    inventories = change.inventories
    if inventories is None:
        return
    old, new = inventories
    for finding in change.delta.fixed:
        if not is_security(finding):
            continue
        texts = _texts(old, finding)
        yield from _folded(change, new, texts)
        if finding.code[1:] in _SECRETS:
            yield from _kept_secret(change, new, texts)
        if finding.code[1:] in _SQL:
            yield from _still_built(change, new)


def _texts(inventory: Inventory, finding: Finding) -> set[str]:
    """String literals of the flagged place, else of its line."""
    on_line = [
        node
        for node in inventory.nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value
        and finding.span.start.line <= node.lineno - 1 <= finding.span.end.line
    ]
    exact = [n for n in on_line if inventory.span(n).touches(finding.span)]
    return {str(n.value) for n in exact or on_line}


def _folded(change: Change, new: Inventory, texts: set[str]) -> Iterator[Reason]:
    for node in new.nodes:
        if isinstance(node, (ast.BinOp, ast.Call, ast.JoinedStr)) and node.lineno - 1 in change.alignment.added:
            value = _constant_text(node)
            if value and value in texts:
                yield Reason(
                    "silenced",
                    f"line {node.lineno} puts the flagged text together from pieces. The value is the same; change it.",
                    new.span(node),
                )
                return


def _constant_text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            a, b = _constant_text(left), _constant_text(right)
            return None if a is None or b is None else a + b
        case ast.JoinedStr(values=values):
            parts = [_constant_text(v.value if isinstance(v, ast.FormattedValue) else v) for v in values]
            return None if None in parts else "".join(p or "" for p in parts)
        case ast.Call(
            func=ast.Attribute(value=separator, attr="join"), args=[ast.List(elts=items) | ast.Tuple(elts=items)]
        ):
            glue, parts = _constant_text(separator), [_constant_text(i) for i in items]
            return None if glue is None or None in parts else glue.join(p or "" for p in parts)
        case _:
            return None


def _kept_secret(change: Change, new: Inventory, texts: set[str]) -> Iterator[Reason]:
    secrets = {t for t in texts if len(t) >= MIN_SECRET_LENGTH}
    for node in new.nodes:
        if (
            isinstance(node, ast.Constant)
            and node.value in secrets
            and node.lineno - 1 in change.alignment.added
            and not _names_a_variable(node, new)
        ):
            yield Reason(
                "silenced",
                f"the hard-coded secret is still in the file, on line {node.lineno}. Read it from the environment "
                "without a default.",
                new.span(node),
            )
            return


def _names_a_variable(node: ast.Constant, new: Inventory) -> bool:
    """`os.environ["token"]` for a secret that happened to be "token"."""
    return any(
        (isinstance(n, ast.Subscript) and n.slice is node) or (isinstance(n, ast.Call) and n.args[:1] == [node])
        for n in new.nodes
    )


def _still_built(change: Change, new: Inventory) -> Iterator[Reason]:
    for call in new.calls:
        if call.name.rpartition(".")[2] not in _EXECUTES or not call.node.args:
            continue
        near = any(c.after_start <= line < c.after_end for c in change.alignment.clusters for line in call.lines)
        if near and _is_built(_looked_up(call.node.args[0], new)):
            yield Reason(
                "silenced",
                f"line {call.node.lineno} still puts values into the query's text. Pass them as parameters.",
                new.span(call.node),
            )
            return


def _looked_up(expression: ast.expr, new: Inventory) -> ast.expr:
    """The value last assigned to a name before its use; else the expression itself."""
    if not isinstance(expression, ast.Name):
        return expression
    values = [
        (node.lineno, node.value)
        for node in new.nodes
        if isinstance(node, ast.Assign)
        and node.lineno <= expression.lineno
        and any(isinstance(t, ast.Name) and t.id == expression.id for t in node.targets)
    ]
    return max(values, key=lambda v: v[0])[1] if values else expression


def _is_built(expression: ast.expr) -> bool:
    match expression:
        case ast.JoinedStr(values=values):
            return any(isinstance(v, ast.FormattedValue) for v in values)
        case ast.BinOp(op=ast.Mod() | ast.Add()):
            return _constant_text(expression) is None
        case ast.Call(func=ast.Attribute(attr="format" | "format_map" | "replace")):
            return True
        case _:
            return False
