"""Which calls a change makes no longer, and what took their place: point 2 of the principle in `deletion`."""

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
    from .structure import Call, Inventory


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REMOVES_CALLS = frozenset({"T100"})
"""Rules whose repair is to remove a call: a breakpoint."""
RENAMES = re.compile(r"N8\d\d|A00\d|RUF052")

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


def check_calls(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    yield from _gone_calls(change, old, new)
    yield from _emptied(change, old, new)


def _gone_calls(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    gone = _gone(change, old, new)
    if not gone:
        return
    flagged = flagged_calls(old, change.delta.fixed)
    unreached = _unreached(old, new)
    fresh = [
        c for c in new.calls if new.call_counts[c.key] > old.call_counts[c.key] and not c.scope.startswith(unreached)
    ]
    modules = {c.name.rpartition(".")[0] for c in flagged if c.imported and _about_security(c, change.delta.fixed)}
    dependents = {name for c in flagged for name in assigned(c.statement)}
    excused = lines_of(change.delta.fixed, lambda f: f.code in _REMOVES_CALLS)
    renames = any(RENAMES.fullmatch(f.code) for f in change.delta.fixed)
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
    if own and new_call.key != old_call.key and not new_call.node.args and names_in(func) & inputs:
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


def assigned(statement: ast.stmt) -> set[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        targets = [item.optional_vars for item in statement.items if item.optional_vars]
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


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
        for statement in statements_in(change, call.node.lineno - 1, new)
    )


def statements_in(change: Change, line: int, new: Inventory) -> Iterator[ast.stmt]:
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


def lines_of(findings: Iterable[Finding], wanted: Callable[[Finding], bool]) -> set[int]:
    return {line for f in findings if wanted(f) for line in range(f.span.start.line, f.span.end.line + 1)}
