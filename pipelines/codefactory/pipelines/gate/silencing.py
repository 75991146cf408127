"""Silencing by control flow: Python code that is still there and no longer runs, or whose failures nobody sees."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, cast

from codefactory.pipelines.verdict import Reason

from .structure import is_trivial, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .change import Change
    from .structure import Function, Inventory

_BROAD = frozenset({"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"})
_COMPUTES = frozenset({"str", "repr", "len", "bool", "id", "type", "int", "hash", "tuple", "list", "dict"})
_SKIPS = frozenset({"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure"})


def check(change: Change) -> Iterator[Reason]:
    inventories = change.inventories
    if inventories is None:
        return
    old, new = inventories
    for find, message in _PATTERNS:
        before, after = list(find(old)), list(find(new))
        if len(after) > len(before):
            place = _first_new(change, after)
            yield Reason("silenced", f"line {place.lineno}: {message}", new.span(place))
    yield from _still_swallowed(change, old, new)
    yield from _hollowed(old, new)
    yield from _assertions(old, new)
    yield from _type_checking(change, old, new)
    yield from _quoted(change, new)


def _first_new(
    change: Change, places: Sequence[ast.expr | ast.stmt | ast.ExceptHandler]
) -> ast.expr | ast.stmt | ast.ExceptHandler:
    return next((p for p in places if p.lineno - 1 in change.alignment.added), places[-1])


def swallows(inventory: Inventory) -> Iterator[ast.expr | ast.stmt | ast.ExceptHandler]:
    """Handlers that do nothing about what they catch, and contextlib.suppress."""
    for node in inventory.nodes:
        if isinstance(node, ast.ExceptHandler) and _does_nothing(node, inventory):
            yield node
    yield from (call.node for call in inventory.calls if call.name in ("contextlib.suppress", "suppress"))


def _still_swallowed(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    """`except Exception: pass` → `except Exception: ...`. contextlib.suppress says the same honestly, and may stay."""
    if not any(f.code in ("B110", "B112", "S110", "S112") for f in change.delta.fixed):
        return
    before, after = [[n for n in swallows(side) if isinstance(n, ast.ExceptHandler)] for side in (old, new)]
    if len(after) >= len(before) > 0:
        place = _first_new(change, after)
        yield Reason(
            "silenced", f"line {place.lineno}: errors are swallowed as before. Handle or log them.", new.span(place)
        )


def _does_nothing(handler: ast.ExceptHandler, inventory: Inventory) -> bool:
    if all(is_trivial(s) or isinstance(s, (ast.Continue, ast.Delete)) or _only_computes(s) for s in handler.body):
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(t is None or inventory.resolved(t) in _BROAD for t in caught)
    return broad and all(is_trivial(s) or _returns_constant(s) or _assigns_constant(s) for s in handler.body)


def _assigns_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and (
        isinstance(statement.value, ast.Constant) or truth(statement.value) is False
    )


def _only_computes(statement: ast.stmt) -> bool:
    """`str("ignored")`: a call that changes nothing and whose value nobody takes."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id in _COMPUTES
    )


def _returns_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Return) and (
        statement.value is None or isinstance(statement.value, ast.Constant) or truth(statement.value) is False
    )


def _dead_branches(inventory: Inventory) -> Iterator[ast.stmt | ast.expr]:
    """Branches that never run. An empty branch is none."""
    for node in inventory.nodes:
        if isinstance(node, (ast.If, ast.While)):
            known = truth(node.test)
            dead = node.body if known is False else node.orelse if known is True else []
            if any(not is_trivial(s) for s in dead):
                yield node
        elif isinstance(node, ast.IfExp) and truth(node.test) is not None:
            yield node
        elif isinstance(node, ast.BoolOp):
            decisive = isinstance(node.op, ast.Or)
            if any(truth(v) is decisive for v in node.values[:-1]):
                yield node
        elif isinstance(node, ast.For) and isinstance(node.iter, (ast.Tuple, ast.List)) and not node.iter.elts:
            yield node


def _unreachable(inventory: Inventory) -> Iterator[ast.stmt]:
    """Statements behind one that never lets control through."""
    for node in inventory.nodes:
        for name in ("body", "orelse", "finalbody"):
            body: object = getattr(node, name, None)
            if isinstance(body, list):
                yield from _behind_exit(cast("list[ast.stmt]", body), inventory)


def _behind_exit(body: list[ast.stmt], inventory: Inventory) -> Iterator[ast.stmt]:
    for index, statement in enumerate(body[:-1]):
        if _exits(statement, inventory):
            yield from (s for s in body[index + 1 :] if not is_trivial(s))
            return


def _exits(statement: ast.stmt, inventory: Inventory) -> bool:
    match statement:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return inventory.resolved(func) in ("sys.exit", "os._exit", "exit", "quit")
        case ast.If(test=test, body=body):
            return truth(test) is True and any(_exits(s, inventory) for s in body)
        case ast.Assert(test=test):
            return truth(test) is False
        case _:
            return False


def _not_implemented(inventory: Inventory) -> Iterator[ast.stmt]:
    for node in inventory.nodes:
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if inventory.resolved(raised).rpartition(".")[2] == "NotImplementedError":
                yield node


def _skipped_tests(inventory: Inventory) -> Iterator[ast.expr]:
    for definition in inventory.definitions.values():
        for decorator in definition.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if inventory.resolved(target).rpartition(".")[2] in _SKIPS:
                yield decorator


_PATTERNS: tuple[tuple[Callable[[Inventory], Iterator[ast.expr | ast.stmt | ast.ExceptHandler]], str], ...] = (
    (swallows, "errors are swallowed. Handle or log them, or let them out; do not wrap the code to keep it quiet."),
    (_dead_branches, "this code can never run, because its condition is constant. Repair the code instead."),
    (_unreachable, "code behind an unconditional exit can never run. Repair the code instead of jumping over it."),
    (_not_implemented, "`raise NotImplementedError` takes the place of working code. Keep what the code did."),
    (_skipped_tests, "a test is skipped or expected to fail. Repair what it tests."),
)


def _hollowed(old: Inventory, new: Inventory) -> Iterator[Reason]:
    for name, before in old.definitions.items():
        after = new.definitions.get(name)
        if isinstance(before, ast.ClassDef) or after is None or isinstance(after, ast.ClassDef):
            continue
        if _is_hollow(after) and not _is_hollow(before) and _works(before):
            yield Reason(
                "silenced",
                f"the body of `{name}` is gone (line {after.lineno}). Keep what the function did.",
                new.span(after),
            )


def _works(function: Function) -> bool:
    """Whether a function does more than to bind and return constants."""
    work = (ast.Call, ast.Yield, ast.Await, ast.For, ast.While, ast.If, ast.BinOp, ast.Compare, ast.Attribute)
    return any(isinstance(node, work) for statement in function.body for node in ast.walk(statement))


def _is_hollow(function: Function) -> bool:
    return all(is_trivial(s) or _returns_constant(s) or _raises_nothing_else(s) for s in function.body)


def _raises_nothing_else(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Raise)


def _assertions(old: Inventory, new: Inventory) -> Iterator[Reason]:
    """Checks may be written in another way; there may not be fewer of them."""
    before, after = _checks(old), _checks(new)
    if sum(after.values()) >= sum(before.values()) or not before["assert"] + before["call"]:
        return
    yield Reason(
        "silenced",
        f"{sum(before.values()) - sum(after.values())} of the code's checks (assert, raise or a test's assertion) went "
        "missing. Keep every check, or replace it with one that raises.",
    )


def _checks(inventory: Inventory) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in inventory.nodes:
        if isinstance(node, ast.Assert) and truth(node.test) is not True:
            found["assert"] += 1
        elif isinstance(node, ast.Raise):
            found["raise"] += 1
        elif isinstance(node, ast.If) and isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or):
            # One raise for several conditions: several checks.
            found["raise"] += (len(node.test.values) - 1) * any(isinstance(s, ast.Raise) for s in node.body)
    for call in inventory.calls:
        last = call.name.rpartition(".")[2]
        if last.startswith("assert") or call.name in ("pytest.raises", "pytest.fail"):
            found["call"] += 1
    return found


def _type_checking(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    """Moving an import there is the repair of ruff's TC rules; moving anything else, or for another rule, is not."""
    imports_may_move = any(f.code.startswith("TC") for f in change.fixed)
    before, after = _for_type_checkers(old), _for_type_checkers(new)
    if len(after) <= len(before):
        return
    known = {ast.dump(statement) for statement in before}
    already = {name for statement in before for name in _names_imported(statement)}
    for statement in after:
        is_import = isinstance(statement, (ast.Import, ast.ImportFrom))
        if ast.dump(statement) in known or (
            is_import and (imports_may_move or not (_names_imported(statement) - already) & set(old.imports))
        ):
            continue
        yield Reason(
            "silenced",
            f"line {statement.lineno}: code under `if TYPE_CHECKING` never runs. Repair the code where it is.",
            new.span(statement),
        )
        return


def _for_type_checkers(inventory: Inventory) -> list[ast.stmt]:
    return [
        statement
        for node in inventory.nodes
        if isinstance(node, ast.If) and inventory.resolved(node.test).rpartition(".")[2] == "TYPE_CHECKING"
        for statement in node.body
        if not is_trivial(statement)
    ]


def _names_imported(statement: ast.stmt) -> set[str]:
    return {alias.asname or alias.name for alias in getattr(statement, "names", [])}


def _quoted(change: Change, new: Inventory) -> Iterator[Reason]:
    """A bare string that holds lines of code that were removed, or that stand unchanged inside it now."""
    code = {line.strip() for line in change.alignment.before if "(" in line or "=" in line}
    for node in new.nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            if change.alignment.added.isdisjoint(range(node.lineno - 1, node.end_lineno or node.lineno)):
                continue
            if any(line.strip() in code for line in node.value.value.splitlines() if line.strip()) and not _was_string(
                change, node.value.value
            ):
                yield Reason(
                    "silenced",
                    f"line {node.lineno}: code was turned into a string. Repair the code; do not quote it away.",
                    new.span(node),
                )
                return


def _was_string(change: Change, text: str) -> bool:
    """Whether the lines stood in a string before as well: a docstring with an example in it."""
    inventories = change.inventories
    return inventories is not None and any(
        isinstance(n, ast.Constant) and isinstance(n.value, str) and _shares_lines(n.value, text)
        for n in inventories[0].nodes
    )


def _shares_lines(a: str, b: str) -> bool:
    return bool({x.strip() for x in a.splitlines() if x.strip()} & {x.strip() for x in b.splitlines() if x.strip()})
