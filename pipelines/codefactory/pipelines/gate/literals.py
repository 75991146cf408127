"""Hiding a value: the flagged text is still in the program, put together from pieces, renamed, or as a default."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codefactory.pipelines.verdict import Reason

from .severity import is_security
from .structure import names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.analyzers import Finding

    from .change import Change
    from .structure import Inventory

_SECRETS = frozenset({"105", "106", "107"})
_DECODERS = frozenset({"base64", "binascii", "codecs", "bytes", "bytearray", "str", "chr", "zlib", "reversed", "map"})
_SQL = frozenset({"608"})
MIN_SECRET_LENGTH = 4
"""Shorter texts come back by chance."""
_EXECUTES = frozenset({"execute", "executemany", "executescript", "raw"})


def check(change: Change) -> Iterator[Reason]:
    inventories = change.inventories
    if inventories is None:
        return
    old, new = inventories
    security = [f for f in change.delta.fixed if is_security(f)]
    texts = set[str]().union(*(_texts(old, f) for f in security))
    if texts:
        yield from _folded(change, new, texts)
    secrets = set[str]().union(*(_texts(old, f) for f in security if f.code[1:] in _SECRETS))
    if secrets:
        yield from _kept_secret(change, new, secrets)
        yield from _disguised(change, new)
    if any(f.code[1:] in _SQL for f in security):
        yield from _still_built(change, new)


def _texts(inventory: Inventory, finding: Finding) -> set[str]:
    """String literals of the flagged place, else of its line."""
    lines = range(finding.span.start.line, finding.span.end.line + 1)
    on_line = [node for line in lines for node in inventory.strings_by_line.get(line, []) if node.value]
    exact = [n for n in on_line if inventory.span(n).touches(finding.span)]
    return {str(n.value) for n in exact or on_line}


def _folded(change: Change, new: Inventory, texts: set[str]) -> Iterator[Reason]:
    for node in new.nodes:
        if isinstance(node, (ast.BinOp, ast.Call, ast.JoinedStr)) and node.lineno - 1 in change.alignment.added:
            value = constant_text(node)
            if value and value in texts:
                yield Reason(
                    "silenced",
                    f"line {node.lineno} puts the flagged text together from pieces. The value is the same; change it.",
                    new.span(node),
                )
                return


def constant_text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            a, b = constant_text(left), constant_text(right)
            return None if a is None or b is None else a + b
        case ast.JoinedStr(values=values):
            parts = [constant_text(v.value if isinstance(v, ast.FormattedValue) else v) for v in values]
            return None if None in parts else "".join(p or "" for p in parts)
        case ast.Call(
            func=ast.Attribute(value=separator, attr="join"), args=[ast.List(elts=items) | ast.Tuple(elts=items)]
        ):
            glue, parts = constant_text(separator), [constant_text(i) for i in items]
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
    """`os.environ["token"]` for a secret that happened to be "token"; not `str("token")`."""
    return any(
        (isinstance(n, ast.Subscript) and n.slice is node)
        or (isinstance(n, ast.Call) and n.args[:1] == [node] and not isinstance(n.func, ast.Name))
        for n in new.nodes
    )


def _disguised(change: Change, new: Inventory) -> Iterator[Reason]:
    """A value made of nothing but constants and decoders: base64, `[::-1]`, `bytes.fromhex`."""
    for statement, _ in new.statements:
        if statement.lineno - 1 not in change.alignment.added or not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            continue
        value = statement.value
        if not isinstance(value, (ast.Call, ast.Subscript, ast.BinOp)):
            continue
        texts = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant) and isinstance(n.value, (str, bytes))]
        roots = {new.imports.get(n, n).partition(".")[0] for n in names_in(value)}
        if any(len(t) >= MIN_SECRET_LENGTH for t in texts) and roots <= _DECODERS:
            yield Reason(
                "silenced",
                f"line {statement.lineno} makes the value from constants, which anybody can read. Take it from the "
                "environment.",
                new.span(statement),
            )
            return


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
        (node.lineno, node.value if isinstance(node, ast.Assign) else ast.BinOp(node.target, node.op, node.value))
        for node in new.nodes
        if isinstance(node, (ast.Assign, ast.AugAssign))
        and node.lineno <= expression.lineno
        and any(
            isinstance(t, ast.Name) and t.id == expression.id
            for t in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
    ]
    return max(values, key=lambda v: v[0])[1] if values else expression


def _is_built(expression: ast.expr) -> bool:
    match expression:
        case ast.JoinedStr(values=values):
            return any(isinstance(v, ast.FormattedValue) for v in values)
        case ast.BinOp(op=ast.Mod() | ast.Add()):
            return constant_text(expression) is None
        case ast.Call(func=ast.Attribute(attr="format" | "format_map" | "replace" | "join")):
            return constant_text(expression) is None
        case _:
            return False
