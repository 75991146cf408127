"""Python's structure before and after: the definitions, statements and calls of the parts that differ.

A top-level statement (or a member of a top-level class) whose lines did not change and which is a statement on both
sides is left out of both inventories: it would cancel out in every comparison, and walking it costs most of the time.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from codefactory.analyzers import Span
from codefactory.analyzers.text import units_to_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from codefactory.analyzers import Snapshot, Text

    from .alignment import Alignment

MAX_BYTES = 1_000_000
"""Parsing more takes about 0.2 s and 100 MB; such files are generated, and get the textual checks only."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Unparsed:
    """Why there is no structure."""

    kind: Literal["syntax", "too-deep", "too-large"]
    message: str


@lru_cache(maxsize=2)
def parse(snapshot: Snapshot) -> ast.Module | Unparsed:
    """The tree of a Python text, or why there is none. Raises nothing. The tree is shared: do not change it."""
    if len(snapshot.utf8) > MAX_BYTES:
        return Unparsed("too-large", f"it is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(snapshot.utf8.decode().removeprefix("\ufeff"))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        message = getattr(error, "msg", None) or str(error)
        return Unparsed("syntax", f"{message} (line {line})" if line else message)
    except (RecursionError, MemoryError):
        return Unparsed("too-deep", "it is nested too deeply to be parsed")


@dataclass(frozen=True, slots=True)
class Call:
    """One call in a part that differs."""

    name: str
    """The callee with its imports resolved, as "yaml.load"; ".read" for a method of another expression's value."""
    node: ast.Call
    statement: ast.stmt
    scope: str
    imported: bool
    """Whether the name's root is a name that the module imports."""
    raised: bool
    """Whether the call makes the exception of a raise statement."""

    @property
    def lines(self) -> range:
        return range(self.node.lineno - 1, self.node.end_lineno or self.node.lineno)

    @property
    def key(self) -> tuple[str, bool]:
        return self.name, self.imported


@dataclass(frozen=True)
class Inventory:
    """What stands in the parts of one side that differ from the other side."""

    tree: ast.Module
    text: Text
    imports: dict[str, str]
    """Name in this module → what it stands for, as "y" → "yaml", "parse" → "yaml.load"."""
    calls: list[Call] = field(default_factory=list[Call])
    statements: list[tuple[ast.stmt, str]] = field(default_factory=list[tuple[ast.stmt, str]])
    """Every statement with its scope, compound ones included."""
    definitions: dict[str, Definition] = field(default_factory=dict[str, Definition])
    """Qualified name → function or class, nested ones included."""
    nodes: list[ast.AST] = field(default_factory=list[ast.AST])

    @cached_property
    def call_counts(self) -> Counter[tuple[str, bool]]:
        return Counter(call.key for call in self.calls)

    @cached_property
    def bound(self) -> frozenset[str]:
        """Names that are assigned; parameters are not."""
        return frozenset(n.id for n in self.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))

    @cached_property
    def calls_by_line(self) -> dict[int, list[Call]]:
        index: dict[int, list[Call]] = {}
        for call in self.calls:
            for line in call.lines:
                index.setdefault(line, []).append(call)
        return index

    @cached_property
    def statements_by_line(self) -> dict[int, list[ast.stmt]]:
        """0-based line → the statements that stand on it, the outer ones first."""
        index: dict[int, list[ast.stmt]] = {}
        for statement, _ in self.statements:
            for line in range(*statement_lines(statement)):
                index.setdefault(line, []).append(statement)
        return index

    @cached_property
    def strings_by_line(self) -> dict[int, list[ast.Constant]]:
        """0-based line → the string literals that begin on it."""
        index: dict[int, list[ast.Constant]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                index.setdefault(node.lineno - 1, []).append(node)
        return index

    def resolved(self, expression: ast.expr) -> str:
        return dotted(expression, self.imports)[0]

    def span(self, node: ast.expr | ast.stmt | ast.ExceptHandler) -> Span:
        """The node's place in code points."""
        start, end = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        return Span.at(start, self._column(start, node.col_offset), end, self._column(end, node.end_col_offset or 0))

    def _column(self, line: int, byte: int) -> int:
        return units_to_columns(self.text.line(line), byte, "utf-8")


def inventories(
    before: Snapshot, tree_before: ast.Module, after: Snapshot, tree_after: ast.Module, alignment: Alignment
) -> tuple[Inventory, Inventory]:
    old_units, new_units = list(_units(tree_before.body, "")), list(_units(tree_after.body, ""))
    new_places = {(unit.start, unit.end, unit.scope) for unit in new_units}
    unchanged: set[tuple[int, int, str]] = set()
    old_kept: list[_Unit] = []
    for unit in old_units:
        place = alignment.after_range(unit.start, unit.end)
        if place is not None and (*place, unit.scope) in new_places:
            unchanged.add((*place, unit.scope))
        else:
            old_kept.append(unit)
    new_kept = [unit for unit in new_units if (unit.start, unit.end, unit.scope) not in unchanged]
    return _inventory(before, tree_before, old_kept), _inventory(after, tree_after, new_kept)


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    scope: str
    statement: ast.stmt
    header_only: bool = False


def _units(body: Sequence[ast.stmt], scope: str) -> Iterator[_Unit]:
    """Statements of the module and of its classes; a class's own line and decorators are a unit for themselves."""
    for statement in body:
        start, end = statement_lines(statement)
        if isinstance(statement, ast.ClassDef):
            inner = statement.body[0].lineno - 1
            yield _Unit(start, max(min(inner, end), start + 1), scope, statement, header_only=True)
            yield from _units(statement.body, f"{scope}{statement.name}.")
        else:
            yield _Unit(start, end, scope, statement)


def statement_lines(statement: ast.stmt) -> tuple[int, int]:
    """0-based, half-open, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    first = min((statement.lineno, *(d.lineno for d in decorators)))
    return first - 1, statement.end_lineno or statement.lineno


def _inventory(snapshot: Snapshot, tree: ast.Module, units: Iterable[_Unit]) -> Inventory:
    inventory = Inventory(tree, snapshot.lines, _imports(tree))
    for unit in units:
        _collect(inventory, unit)
    for statement, _ in inventory.statements:
        _add_import(statement, inventory.imports)
    for node, statement, scope, raised in _call_nodes(inventory):
        name, imported = dotted(node.func, inventory.imports)
        inventory.calls.append(Call(name, node, statement, scope, imported, raised))
    return inventory


def _imports(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    stack = list(reversed(tree.body))
    while stack:
        statement = stack.pop()
        _add_import(statement, found)
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            stack.extend(child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt))
    return found


def _add_import(statement: ast.stmt, found: dict[str, str]) -> None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            root = alias.name.partition(".")[0]
            found[alias.asname or root] = alias.name if alias.asname else root
    elif isinstance(statement, ast.ImportFrom):
        module = "." * statement.level + (statement.module or "")
        for alias in statement.names:
            found[alias.asname or alias.name] = f"{module}.{alias.name}"


def _collect(inventory: Inventory, unit: _Unit) -> None:
    """Walk a unit without recursion: nesting may be deep."""
    stack: list[tuple[ast.AST, str]] = [(unit.statement, unit.scope)]
    while stack:
        node, scope = stack.pop()
        inventory.nodes.append(node)
        if isinstance(node, ast.stmt):
            inventory.statements.append((node, scope))
        inner = scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inventory.definitions.setdefault(f"{scope}{node.name}", node)
            inner = f"{scope}{node.name}."
        if unit.header_only and node is unit.statement and isinstance(node, ast.ClassDef):
            stack.extend((child, scope) for child in (*node.decorator_list, *node.bases, *node.keywords))
            continue
        stack.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(node))))


def _call_nodes(inventory: Inventory) -> Iterator[tuple[ast.Call, ast.stmt, str, bool]]:
    """Calls with the innermost statement they stand in."""
    for statement, scope in inventory.statements:
        raised = statement.exc if isinstance(statement, ast.Raise) else None
        for node in own_nodes(statement):
            if isinstance(node, ast.Call):
                yield node, statement, scope, node is raised


def own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement without those of statements inside it. A class's header may be all that is wanted, and
    is all that this gives."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt))


def dotted(expression: ast.expr, imports: dict[str, str]) -> tuple[str, bool]:
    """The dotted name of an expression with its root's import resolved, and whether the root is imported. Beyond a
    call or subscript only the attributes count: ".read" for `open(f).read`."""
    parts: list[str] = []
    node = expression
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        root = imports.get(node.id)
        return ".".join((root or node.id, *reversed(parts))), root is not None
    return "." + ".".join(reversed(parts)), False


def names_in(node: ast.AST) -> set[str]:
    """Names that are read in an expression or statement."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def truth(expression: ast.expr) -> bool | None:
    """Whether a condition is always true or always false; None when that depends."""
    match expression:
        case ast.Constant(value=value):
            return bool(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = truth(operand)
            return None if inner is None else not inner
        case ast.BoolOp(op=op, values=values):
            known = [truth(v) for v in values]
            decisive = isinstance(op, ast.Or)
            if decisive in known:
                return decisive
            return None if None in known else not decisive
        case ast.Compare(left=ast.Constant(value=a), ops=[ast.Eq() | ast.Is()], comparators=[ast.Constant(value=b)]):
            return bool(a == b)
        case ast.Compare(left=ast.Constant(value=a), ops=[ast.NotEq() | ast.IsNot()], comparators=[ast.Constant(b)]):
            return bool(a != b)
        case ast.Tuple(elts=[]) | ast.List(elts=[]) | ast.Dict(keys=[]):
            return False
        case _:
            return None


def is_trivial(statement: ast.stmt) -> bool:
    """pass, ..., a bare string or name: no effect."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Constant, ast.Name))
    )
