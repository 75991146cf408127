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
import builtins
import re
from collections import Counter
from typing import TYPE_CHECKING

from codefactory.pipelines.verdict import Reason

from .hiding import flagged_calls
from .severity import is_security
from .structure import is_trivial, names_in, statement_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from codefactory.analyzers import Finding

    from .alignment import Hunk
    from .change import Change
    from .structure import Call, Function, Inventory


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


REMOVES = re.compile(
    r"F401|F811|F841|F842|F50\d|ERA001|PIE\d+|B015|B018|RET50\d|PLR1711|PLR0402|PLC0414|PLW0127|PLW0128|PLW0245|T100|UP\d+|RUF\d+|"
    r"I00\d|E70\d|W\d+|D\d+|Q\d+|B4\d\d|S4\d\d|TC\d+|PYI\d+|FA\d+|EXE\d+"
)
"""Rules whose repair is to remove the statement: it is unused, redundant, or an import nobody needs."""
_REMOVES_CALLS = frozenset({"T100"})
"""Rules whose repair is to remove a call: a breakpoint."""
_REMOVES_DEFINITIONS = frozenset({"F811", "PIE794", "PIE796"})
_RENAMES = re.compile(r"N8\d\d|A00\d|RUF052")

_PURE = _words(
    """
    abs all any ascii bin bool bytearray bytes callable chr complex dict dir divmod enumerate filter float format
    frozenset getattr hasattr hash hex id int isinstance issubclass iter len list locals map max memoryview min
    object oct ord pow property range repr reversed round set slice sorted staticmethod str sum super tuple type
    vars zip typing.cast collections.OrderedDict collections.defaultdict collections.namedtuple shlex.quote
    shlex.split shlex.join pipes.quote os.path.join os.path.abspath os.path.basename os.path.dirname
    os.path.exists os.path.isfile os.path.isdir os.path.expanduser os.path.splitext os.getcwd os.getenv
    os.environ.get re.escape datetime.datetime.now datetime.datetime.utcnow time.time contextlib.suppress
    logging.getLogger
    """
)
_PURE_METHODS = _words(
    """
    format join split rsplit splitlines strip lstrip rstrip lower upper title replace startswith endswith encode
    decode keys values items format_map partition rpartition zfill ljust rjust hex
    """
)
_BUILTINS = frozenset(dir(builtins))
_TELLS = _words(
    "print pprint.pprint rich.print click.echo sys.stdout.write sys.stderr.write time.sleep warnings.warn sys.exit"
)
_INERT_METHODS = _words(
    """
    debug info warning warn error critical exception log
    """
)
_CONVERTS = frozenset({"int", "float", "complex"})
"""They only compute, and are what an `eval` of a number should have been."""
_OPENS = frozenset({"open", "io.open", "os.open", "os.fdopen", "codecs.open"})
_COLLECTS = frozenset({"append", "add", "extend", "update", "insert", "setdefault"})
_CLOSES = frozenset({"close", "release", "acquire", "__enter__", "__exit__", "cleanup", "shutdown"})


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
    calls = [*_calls(change, old, new), *_emptied(change, old, new), *_returns(old, new)]
    yield from calls
    if not calls:
        yield from _statements(change, old, new)


def _definitions(change: Change, old: Inventory, new: Inventory, reported: frozenset[str]) -> Iterator[Reason]:
    excused = _lines_of(
        change.delta.fixed, lambda f: f.code in _REMOVES_DEFINITIONS or bool(_RENAMES.fullmatch(f.code))
    )
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


def _calls(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    gone = _gone(change, old, new)
    if not gone:
        return
    flagged = flagged_calls(old, change.delta.fixed)
    unreached = _unreached(old, new)
    fresh = [
        c for c in new.calls if new.call_counts[c.key] > old.call_counts[c.key] and not c.scope.startswith(unreached)
    ]
    modules = {c.name.rpartition(".")[0] for c in flagged if c.imported and _about_security(c, change.delta.fixed)}
    dependents = {name for c in flagged for name in _assigned(c.statement)}
    excused = _lines_of(change.delta.fixed, lambda f: f.code in _REMOVES_CALLS)
    renames = any(_RENAMES.fullmatch(f.code) for f in change.delta.fixed)
    flagged_ids = {id(c) for c in flagged}
    lint_only = {id(c) for c in flagged if not _about_security(c, change.delta.fixed)}
    for call in gone:
        if call.node.lineno - 1 in excused or _closed_by_with(call, old, new):
            continue
        successors = [c for c in fresh if _same_place(call, c, change)]
        depends = renames or _depends_on(call, flagged, dependents) or _lives_on(call, old, dependents)
        if depends and any(not _is_free(c) for c in successors):
            continue
        sibling = call.imported and call.name.rpartition(".")[0] in modules
        if id(call) in flagged_ids or sibling:
            if any(_succeeds(c, call, old, new, change) for c in successors):
                continue
            if id(call) in lint_only and not _is_inert(call) and _replaced_by_expression(call, change, new):
                continue
            yield _gone_reason(call, "and nothing that uses its inputs takes its place")
        elif depends:
            yield _gone_reason(call, "and nothing takes its place")
        elif call.name.rpartition(".")[2] in _COLLECTS and _comprehension_added(change, old, new):
            continue
        else:
            yield _gone_reason(call, "and no finding is about it")
        return


def _unreached(old: Inventory, new: Inventory) -> tuple[str, ...]:
    """Scopes of new definitions that nothing names: what is called in there is not called."""
    fresh = {n: d for n, d in new.definitions.items() if n not in old.definitions}
    if not fresh:
        return ()
    named = {n.id for n in new.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    named |= {n.attr for n in new.nodes if isinstance(n, ast.Attribute)}
    return tuple(
        f"{name}." for name, d in fresh.items() if d.name not in named and "." in name and not _is_member(name, new)
    )


def _is_member(name: str, new: Inventory) -> bool:
    return isinstance(new.definitions.get(name.rpartition(".")[0]), ast.ClassDef)


def _emptied(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    """A flagged call that is still made, and no longer with any of its inputs: `execute(query % x)` → `execute("")`."""
    for call in flagged_calls(old, tuple(f for f in change.delta.fixed if is_security(f))):
        if _is_free(call) or not _inputs(call, old, new):
            continue
        twins = [c for c in new.calls if c.key == call.key and _same_place(call, c, change)]
        if twins and not any(_succeeds(c, call, old, new, change) for c in twins):
            yield _gone_reason(call, "with its inputs; what is called in its place uses none of them")
            return


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


def _gone_reason(call: Call, why: str) -> Reason:
    shown = call.name.lstrip(".") or "…"
    return Reason(
        "deleted",
        f"the call of `{shown}` (line {call.node.lineno} before) is gone, {why}. "
        "Keep what the code did, in a safe form.",
    )


def _gone(change: Change, old: Inventory, new: Inventory) -> list[Call]:
    """Calls that are made less often than before; of several of one name those on changed lines."""
    missing = Counter(old.call_counts)
    missing.subtract(new.call_counts)
    gone: list[Call] = []
    for call in old.calls:
        if missing[call.key] > 0 and not _is_free(call) and not change.alignment.removed.isdisjoint(call.lines):
            missing[call.key] -= 1
            gone.append(call)
    return gone


def _is_free(call: Call) -> bool:
    """Calls that only compute a value, or make the exception of a raise."""
    if call.raised or call.name in _PURE or call.name.removeprefix("builtins.") in _PURE:
        return True
    last = call.name.rpartition(".")[2]
    return last in _PURE_METHODS and not call.imported


def _is_inert(call: Call) -> bool:
    """Calls that tell somebody something. They stand in for nothing but each other."""
    return call.name in _TELLS or call.name.rpartition(".")[2] in _INERT_METHODS


def _succeeds(new_call: Call, old_call: Call, old: Inventory, new: Inventory, change: Change) -> bool:
    if (_is_free(new_call) and new_call.name not in _CONVERTS) or _is_inert(new_call) is not _is_inert(old_call):
        return False
    inputs = _inputs(old_call, old, new)
    func = new_call.node.func
    own = isinstance(func, ast.Attribute) and not new_call.name.startswith(".")
    if own and not new_call.node.args and names_in(func) & inputs:
        return False  # `yaml.load(f)` → `f.read()`
    if not inputs:
        return True
    if inputs & names_in(new_call.statement):
        return True
    return any(
        inputs & names_in(statement)
        for statement, scope in new.statements
        if scope == new_call.scope and not change.alignment.added.isdisjoint(range(*statement_lines(statement)))
    )


def _inputs(call: Call, old: Inventory, new: Inventory) -> set[str]:
    """Names of values that go into a call: not modules, not classes such as a Loader, and not locals that went too."""
    node = call.node
    arguments: list[ast.expr] = [*node.args, *(k.value for k in node.keywords if k.arg != "Loader")]
    if isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        arguments = [node.func.value]
    names = {n for a in arguments for n in names_in(a)} - set(old.imports) - _BUILTINS
    return names - (old.bound - new.bound)


def _same_place(old_call: Call, new_call: Call, change: Change) -> bool:
    if old_call.scope and old_call.scope == new_call.scope:
        return True
    cluster = change.alignment.cluster_of_before(old_call.node.lineno - 1)
    return cluster is not None and not _outside(cluster, new_call)


def _outside(cluster: Hunk, call: Call) -> bool:
    return call.lines.stop <= cluster.after_start or call.lines.start >= cluster.after_end


def _depends_on(call: Call, flagged: Sequence[Call], names: set[str]) -> bool:
    """Whether a call is made on the result of a flagged call."""
    node: ast.expr = call.node.func
    nodes = {id(f.node) for f in flagged}
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
        if id(node) in nodes:
            return True
    return isinstance(node, ast.Name) and node.id in names


def _lives_on(call: Call, old: Inventory, names: set[str]) -> bool:
    """`open(name)` with `name` from a flagged statement: the repair of `mktemp` opens by itself."""
    inputs = names_in(call.node) & names
    return call.name in _OPENS and bool(inputs)


def _assigned(statement: ast.stmt) -> set[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        targets = [item.optional_vars for item in statement.items if item.optional_vars]
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _closed_by_with(call: Call, old: Inventory, new: Inventory) -> bool:
    return call.name.rpartition(".")[2] in _CLOSES and _count(new, (ast.With, ast.AsyncWith)) > _count(
        old, (ast.With, ast.AsyncWith)
    )


def _comprehension_added(change: Change, old: Inventory, new: Inventory) -> bool:
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return bool(change.delta.fixed) and _count(new, kinds) > _count(old, kinds)


def _count(inventory: Inventory, kinds: tuple[type[ast.AST], ...]) -> int:
    return sum(isinstance(node, kinds) for node in inventory.nodes)


def _about_security(call: Call, findings: Iterable[Finding]) -> bool:
    return any(is_security(f) for f in findings if f.span.start.line in call.lines)


def _replaced_by_expression(call: Call, change: Change, new: Inventory) -> bool:
    """For a lint rule: the call's edit still holds a statement with an effect, made of the same inputs."""
    inputs = names_in(call.node)
    return any(
        not is_trivial(statement) and (not inputs or inputs & names_in(statement))
        for statement in _statements_in(change, call.node.lineno - 1, new)
    )


def _statements_in(change: Change, line: int, new: Inventory) -> Iterator[ast.stmt]:
    """Statements after, in the edit that the line before belongs to."""
    cluster = change.alignment.cluster_of_before(line)
    if cluster is None:
        return
    seen: set[int] = set()
    for line in range(cluster.after_start, cluster.after_end):
        if line in change.alignment.added:
            for statement in new.statements_by_line.get(line, []):
                if id(statement) not in seen:
                    seen.add(id(statement))
                    yield statement


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
        replacing = [s for s in _statements_in(change, lines.start, new) if not is_trivial(s)]
        replaced = bool(replacing)
        if is_security(finding) and isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Assert, ast.Expr)):
            replaced = not _words_in(replacing) <= _words_in(_statements_before(change, lines.start, old))
        names = _assigned(statement)
        if replaced or (names and names <= bound_after) or (is_trivial(statement) and not is_security(finding)):
            continue
        yield Reason(
            "deleted",
            f"the statement that {finding.code} was reported on (line {lines.start + 1} before) was removed, not "
            "repaired. Keep what it did, in a safe form.",
        )
        return


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


def _lines_of(findings: Iterable[Finding], wanted: Callable[[Finding], bool]) -> set[int]:
    return {line for f in findings if wanted(f) for line in range(f.span.start.line, f.span.end.line + 1)}
