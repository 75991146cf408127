"""Hiding: the flagged call still happens, in a way that the analyzers cannot see."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from codefactory.pipelines.verdict import Reason

from .literals import constant_text
from .severity import is_security
from .structure import dotted, truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.analyzers import Finding

    from .change import Change
    from .structure import Call, Inventory

_RUN_TEXT = frozenset(
    {
        *("exec", "eval", "compile", "__import__", "builtins.exec", "builtins.eval", "builtins.__import__"),
        *("code.InteractiveInterpreter", "code.InteractiveConsole", "code.interact", "codeop.compile_command"),
    }
)
_LOOK_UP = frozenset({"getattr", "builtins.getattr", "operator.attrgetter", "operator.methodcaller"})
_IMPORT = frozenset({"importlib.import_module", "importlib.__import__", "runpy.run_module", "runpy.run_path"})
_SHELL = frozenset({"602", "604", "605"})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "cmd", "cmd.exe", "powershell"})
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_NOT_ABOUT_CALLS = re.compile(r"F\d+|E\d+|W\d+|I\d+|D\d+|Q\d+")
"""pyflakes and style: an undefined name is no ground to drop the call that uses it."""
_SWITCHES = frozenset({"shell", "verify", "debug", "autoescape", "check_hostname", "usedforsecurity"})
"""Arguments whose constant value is what the finding is about."""


def check(change: Change) -> Iterator[Reason]:
    inventories = change.inventories
    if inventories is None:
        return
    old, new = inventories
    flagged = flagged_calls(old, change.delta.fixed)
    yield from _dynamic(change, old, new, flagged)
    security = tuple(f for f in change.delta.fixed if is_security(f))
    yield from _referenced(old, new, flagged_calls(old, security))
    yield from _named_in_text(change, old, new)
    yield from _shell_in_list(change, new)
    for call in flagged:
        yield from _same_call(call, change, new)
        yield from _switched_elsewhere(call, change, new)


def flagged_calls(inventory: Inventory, findings: tuple[Finding, ...]) -> list[Call]:
    """The calls that findings are about: the outermost that starts where the finding does or lies within it, else
    those that hold the finding's place among their arguments."""
    found: dict[int, Call] = {}
    for finding in findings:
        if _NOT_ABOUT_CALLS.fullmatch(finding.code):
            continue
        lines = range(finding.span.start.line, finding.span.end.line + 1)
        near = [call for line in lines for call in inventory.calls_by_line.get(line, [])]
        spans = [(call, inventory.span(call.node)) for call in near]
        exact = [c for c, span in spans if finding.span.start <= span.start and span.end <= finding.span.end]
        around = [c for c, span in spans if span.contains(finding.span.start)]
        found.update((id(c), c) for c in exact or around)
    return list(found.values())


def _dynamic(change: Change, old: Inventory, new: Inventory, flagged: list[Call]) -> Iterator[Reason]:
    # `__builtins__["eval"](...)`, `module.__dict__["load"](...)`, `globals()["eval"](...)`
    had = sum(1 for _ in _subscripted_calls(old))
    for count, node in enumerate(_subscripted_calls(new), 1):
        if count > had:
            yield _reason(new, node, "calls what it looks up in a namespace")
            return
    had_calls = old.call_counts
    for call in new.calls:
        if new.call_counts[call.key] <= had_calls[call.key] or not _is_new(call, change):
            continue
        if call.name in _RUN_TEXT:
            yield _reason(new, call.node, f"adds `{call.name}`, which runs code that analyzers cannot see")
            return
        names = {part for f in flagged for part in f.name.split(".") if part}
        literals = [n.value for n in ast.walk(call.node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        if call.name in _IMPORT and (not literals or any(set(text.split(".")) & names for text in literals)):
            yield _reason(new, call.node, "imports a module by a computed or flagged name")
            return
        if call.name in _LOOK_UP and (_computed_name(call.node) or any(text in names for text in literals)):
            yield _reason(new, call.node, f"looks a name up with `{call.name}` instead of naming it")
            return


def _is_new(call: Call, change: Change) -> bool:
    return not change.alignment.added.isdisjoint(call.lines)


def _computed_name(node: ast.Call) -> bool:
    """Whether the attribute asked for is put together from pieces: nobody honest writes that."""
    return any(
        isinstance(a, (ast.BinOp, ast.JoinedStr, ast.Call, ast.Subscript)) for a in node.args[1:2] or node.args[:1]
    )


def _subscripted_calls(inventory: Inventory) -> Iterator[ast.Call]:
    for call in inventory.calls:
        node = call.node.func
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            if isinstance(node, ast.Subscript) and _is_namespace(node.value, inventory):
                yield call.node
                break
            node = node.value


def _is_namespace(node: ast.expr, inventory: Inventory) -> bool:
    match node:
        case ast.Call(func=func):
            return inventory.resolved(func).rpartition(".")[2] in _NAMESPACES
        case ast.Attribute(attr="__dict__" | "modules") | ast.Name(id="__builtins__"):
            return True
        case _:
            return False


def _referenced(old: Inventory, new: Inventory, flagged: list[Call]) -> Iterator[Reason]:
    """The flagged function handed around without being called: `parse = yaml.load`, `partial(yaml.load, f)`."""
    names = {call.key for call in flagged if not call.raised and (call.imported or "." not in call.name)}
    if not names:
        return
    before = sum(1 for _ in _references(old, names))
    for count, node in enumerate(_references(new, names), 1):
        if count > before:
            yield _reason(new, node, f"refers to `{new.resolved(node)}` by another name")
            return


def _named_in_text(change: Change, old: Inventory, new: Inventory) -> Iterator[Reason]:
    """`hashlib.md5(d)` → `hashlib.new(name, d)` with `name = "md5"`; `vars(yaml)["load"]`."""
    security = tuple(f for f in change.delta.fixed if is_security(f))
    names = {call.name.rpartition(".")[2] for call in flagged_calls(old, security)} - {""}
    had = sum(n.value in names for nodes in old.strings_by_line.values() for n in nodes)
    places = [n for nodes in new.strings_by_line.values() for n in nodes if n.value in names]
    if len(places) > had:
        yield _reason(new, places[-1], f'names the flagged function in a string, "{places[-1].value}"')
        return
    for node in new.nodes:
        if not isinstance(node, (ast.BinOp, ast.JoinedStr)) or node.lineno - 1 not in change.alignment.added:
            continue
        if constant_text(node) in names:
            yield _reason(new, node, "puts the flagged function's name together from pieces")
            return


def _shell_in_list(change: Change, new: Inventory) -> Iterator[Reason]:
    """`run(cmd, shell=True)` → `run(["sh", "-c", cmd])`."""
    if not any(is_security(f) and f.code[1:] in _SHELL for f in change.delta.fixed):
        return
    for node in new.nodes:
        if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) > 2 and node.lineno - 1 in change.alignment.added:
            words = [e.value if isinstance(e, ast.Constant) else None for e in node.elts[:2]]
            if str(words[0]).rpartition("/")[2] in _SHELLS and str(words[1]).startswith(("-c", "/c", "/C", "-lc")):
                yield _reason(new, node, "starts the shell by hand")
                return


def _references(inventory: Inventory, names: set[tuple[str, bool]]) -> Iterator[ast.expr]:
    """Functions that are named and not called, and their modules where no attribute is taken of them."""
    called = {id(call.node.func) for call in inventory.calls}
    bases = {id(node.value) for node in inventory.nodes if isinstance(node, ast.Attribute)}
    modules = {name.rpartition(".")[0] for name, imported in names if imported} - {""}
    lasts = {name.rpartition(".")[2] for name, _ in names}
    for node in inventory.nodes:
        if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load) or id(node) in called:
            continue
        if isinstance(node, ast.Attribute) and node.attr not in lasts:
            continue
        key = dotted(node, inventory.imports)
        if key in names or (key[1] and key[0] in modules and id(node) not in bases):
            yield node


def _same_call(call: Call, change: Change, new: Inventory) -> Iterator[Reason]:
    """A finding is gone, and its call stands there with the same arguments, or with a constant tucked away."""
    if not call.imported and call.name in ("", "."):
        return
    for twin in new.calls:
        if twin.key != call.key or not _is_new(twin, change):
            continue
        before, after = _keywords(call.node), _keywords(twin.node)
        if None in after and None not in before:
            yield _reason(
                new, twin.node, f"hands arguments to `{call.name}` through `**`, where analyzers cannot see them"
            )
            return
        for name, value in before.items():
            if name not in _SWITCHES or name not in after or not isinstance(value, ast.Constant):
                continue
            now = after[name]
            if isinstance(now, ast.Constant):
                continue
            known = _value(now, new)
            if known is truth(value) or (name == "shell" and known is not False):
                yield _reason(new, twin.node, f"keeps `{name}` of `{call.name}` and hides its value in an expression")
                return


def _switched_elsewhere(call: Call, change: Change, new: Inventory) -> Iterator[Reason]:
    """`get(u, verify=False)` → `session.verify = False`."""
    switches = {n: truth(v) for n, v in _keywords(call.node).items() if n in _SWITCHES and isinstance(v, ast.Constant)}
    if not switches:
        return
    for statement, _ in new.statements:
        if not isinstance(statement, ast.Assign) or statement.lineno - 1 not in change.alignment.added:
            continue
        for target in statement.targets:
            if isinstance(target, ast.Attribute) and target.attr in switches:
                known = _value(statement.value, new)
                if known is switches[target.attr]:
                    yield _reason(new, target, f"sets `{target.attr}` to the value that was flagged")
                    return


def _keywords(node: ast.Call) -> dict[str | None, ast.expr]:
    return {keyword.arg: keyword.value for keyword in node.keywords}


def _value(expression: ast.expr, inventory: Inventory) -> bool | None:
    """The truth of an expression, looking one assignment behind a name and into `bool(...)`."""
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id == "bool":
        return _value(expression.args[0], inventory) if len(expression.args) == 1 else None
    if isinstance(expression, ast.Name):
        values = [
            node.value
            for node in (*inventory.nodes, *inventory.tree.body)
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == expression.id for t in node.targets)
        ]
        return truth(values[0]) if values else None
    return truth(expression)


def _reason(inventory: Inventory, node: ast.expr, what: str) -> Reason:
    return Reason(
        "silenced",
        f"line {node.lineno} {what}. The same code would still run, unseen; repair the call itself.",
        inventory.span(node),
    )
