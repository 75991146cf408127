"""Deletion: a finding that is gone because its code is gone. Python.

The principle: *what the code did, it still does.* Said for the parts that differ:

1. A definition that stood before stands after, under the same qualified name.
2. Every call whose effect matters is still made, or has a *successor*:
   - a call that a fixed finding is about may be replaced by any other call in the same edit or function that is not
     inert (logging, printing, building a value) and that still uses one of the inputs of the old one; for a lint rule,
     by an expression;
   - a call on the result of such a call, or on a name it was assigned to, may go with it
     (`os.popen(c).read()` → `subprocess.run(c)`);
   - every other call must be found again under the same name. Calls that only compute (`str`, `len`, `.format`,
     `os.path.join` …) are free, and `close()` may become a `with`.
3. A flagged statement is replaced, not removed: its edit still holds statements, or its names are still bound.

Free of all this is a statement that a rule of `REMOVES` was reported on and that is gone with its finding: an unused
import, an unused variable, commented-out code. Even there a call with an effect on the right-hand side stays.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from codefactory.pipelines.verdict import Reason

from .calls import RENAMES, assigned, check_calls, lines_of, statements_in
from .severity import is_security
from .structure import is_trivial, names_in, statement_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .change import Change
    from .structure import Function, Inventory

REMOVES = re.compile(
    r"F401|F811|F841|F842|F50\d|ERA001|PIE\d+|B015|B018|RET50\d|PLR1711|PLR0402|PLC0414|PLW0127|PLW0128|PLW0245|T100|UP\d+|RUF\d+|"
    r"I00\d|E70\d|W\d+|D\d+|Q\d+|B4\d\d|S4\d\d|TC\d+|PYI\d+|FA\d+|EXE\d+"
)
"""Rules whose repair is to remove the statement: it is unused, redundant, or an import nobody needs."""
_REMOVES_DEFINITIONS = frozenset({"F811", "PIE794", "PIE796"})


def check(change: Change, reported: frozenset[str] = frozenset()) -> Iterator[Reason]:
    """`reported`: names whose loss has been said already."""
    inventories = change.inventories
    if inventories is None:
        return
    old, new = inventories
    found = list(_definitions(change, old, new, reported))
    yield from found
    if found or reported:
        return  # The calls in a lost definition would only say the same again.
    calls = [*check_calls(change, old, new), *_returns(old, new)]
    yield from calls
    if not calls:
        yield from _statements(change, old, new)


def _definitions(change: Change, old: Inventory, new: Inventory, reported: frozenset[str]) -> Iterator[Reason]:
    excused = lines_of(change.delta.fixed, lambda f: f.code in _REMOVES_DEFINITIONS or bool(RENAMES.fullmatch(f.code)))
    still = _defined_later(new)
    for name, definition in old.definitions.items():
        if name in new.definitions or name in reported or _parent_is_gone(name, old, new):
            continue
        if not excused.isdisjoint(range(*statement_lines(definition))) or name in still:
            continue
        kind = "class" if isinstance(definition, ast.ClassDef) else "function"
        yield Reason(
            "deleted",
            f"the {kind} `{name}` (line {definition.lineno} before) is gone. Keep it, and repair what is in it.",
        )


def _parent_is_gone(name: str, old: Inventory, new: Inventory) -> bool:
    parent = name.rpartition(".")[0]
    return bool(parent) and parent in old.definitions and parent not in new.definitions


def _defined_later(new: Inventory) -> set[str]:
    """Names that are bound in another way now: `def f` → `f = ...`, or an import."""
    bound = {
        target.id
        for node in new.nodes
        if isinstance(node, ast.Assign) and not isinstance(node.value, (ast.Constant, ast.Lambda))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return bound | set(new.imports)


def _returns(old: Inventory, new: Inventory) -> Iterator[Reason]:
    """A function that returned what it worked out returns only constants now."""
    for name, before in old.definitions.items():
        after = new.definitions.get(name)
        if isinstance(before, ast.ClassDef) or after is None or isinstance(after, ast.ClassDef):
            continue
        if _working_returns(before) and not _working_returns(after):
            yield Reason(
                "deleted",
                f"`{name}` (line {after.lineno}) no longer returns what it worked out. Return the repaired value.",
                new.span(after),
            )
            return


def _working_returns(function: Function) -> int:
    return sum(
        isinstance(n, (ast.Yield, ast.YieldFrom))
        or (isinstance(n, ast.Return) and n.value is not None and not isinstance(n.value, ast.Constant))
        for n in _own_walk(function)
    )


def _own_walk(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions in it."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))


def _statements(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    """Flagged statements that were removed and not replaced."""
    bound_after = new.bound
    texts_after = {change.alignment.after[j].strip() for j in change.alignment.added}
    for finding in change.delta.fixed:
        statement = _innermost(old, finding.span.start.line)
        if statement is None or REMOVES.fullmatch(finding.code) or isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        lines = range(*statement_lines(statement))
        if any(line not in change.alignment.removed for line in lines):
            continue
        hunk = change.alignment.hunk_of_before(finding.span.start.line)
        if hunk is None or change.alignment.before[lines.start].strip() in texts_after:
            continue
        replacing = [s for s in statements_in(change, lines.start, new) if not is_trivial(s)]
        replaced = bool(replacing)
        if is_security(finding) and isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Assert, ast.Expr)):
            replaced = not _words_in(replacing) <= _words_in(_statements_before(change, lines.start, old))
        names = assigned(statement)
        replaced = replaced or _inlined(change, names, old, new)
        if replaced or (names and names <= bound_after) or (is_trivial(statement) and not is_security(finding)):
            continue
        yield Reason(
            "deleted",
            f"the statement that {finding.code} was reported on (line {lines.start + 1} before) was removed, not "
            "repaired. Keep what it did, in a safe form.",
            before=finding.span,
        )


def _inlined(change: Change, names: set[str], old: Inventory, new: Inventory) -> bool:
    """Whether a place that read the names reads something new now: a constant became a look-up where it is used."""
    for user, _ in old.statements:
        if isinstance(user, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or not names & names_in(user):
            continue
        lines = [line for line in range(*statement_lines(user)) if line in change.alignment.removed]
        for line in lines[:1]:
            if not _words_in(statements_in(change, line, new)) <= _words_in(_statements_before(change, line, old)):
                return True
    return False


def _statements_before(change: Change, line: int, old: Inventory) -> list[ast.stmt]:
    cluster = change.alignment.cluster_of_before(line)
    if cluster is None:
        return []
    lines = range(cluster.before_start, cluster.before_end)
    return [s for line in lines for s in old.statements_by_line.get(line, []) if s.lineno - 1 == line]


def _words_in(statements: Iterable[ast.stmt]) -> set[object]:
    """Names, attributes and constants: a replacement brings in at least one that was not there."""
    found: set[object] = set()
    for node in (n for s in statements for n in ast.walk(s)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant):
            found.add(repr(node.value))
    return found


def _innermost(old: Inventory, line: int) -> ast.stmt | None:
    holding = old.statements_by_line.get(line, [])
    return min(holding, key=lambda s: (s.end_lineno or s.lineno) - s.lineno, default=None)
