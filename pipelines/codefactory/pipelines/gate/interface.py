"""The public interface of a Python module: names that went, and signatures that callers no longer fit."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from codefactory.pipelines.verdict import Reason

from .structure import Unparsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .candidate import UsesElsewhere
    from .change import Change
    from .structure import Function

Kind = Literal["function", "class", "name", "method"]

MAX_FILES_NAMED = 3


@dataclass(frozen=True)
class Interface:
    """Public names of a module, methods as "Account.close"."""

    kinds: dict[str, Kind] = field(default_factory=dict[str, "Kind"])
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(
        default_factory=dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
    )
    bases: dict[str, bool] = field(default_factory=dict[str, bool])
    """Class → whether it inherits from something, which may still offer a method that is gone."""


@dataclass(frozen=True)
class Losses:
    """What the change takes from callers: name → what happened, in words."""

    removed: dict[str, str]
    changed: dict[str, str]
    breaking: frozenset[str]
    """Of `changed`, those that break a call in any form, not only one that leaves a default out."""


def check(change: Change, uses: UsesElsewhere | None) -> tuple[Reason, ...]:
    losses = _losses(change)
    said = losses.removed | losses.changed
    if not said:
        return ()
    if uses is not None:
        users: Mapping[str, tuple[str, ...]] = {n: f for n, f in uses(frozenset(said)).items() if f and n in said}
        return tuple(_used_reason(name, said[name], files) for name, files in sorted(users.items()))
    if not change.by_model:
        return ()
    unknown = [n for n in losses.removed if not losses.removed[n].startswith("the name")] + sorted(losses.breaking)
    return tuple(
        Reason("public-name-removed", f"{said[name]}. Other files may use it; keep it as it was for its callers.")
        for name in unknown
    )


def lost_names(change: Change) -> frozenset[str]:
    return frozenset(_losses(change).removed)


def _used_reason(name: str, what: str, files: tuple[str, ...]) -> Reason:
    shown = ", ".join(files[:MAX_FILES_NAMED])
    more = f" and {len(files) - MAX_FILES_NAMED} more" if len(files) > MAX_FILES_NAMED else ""
    return Reason(
        "public-name-removed", f"{what}, but `{name}` is used in {shown}{more}. Keep it as it was for its callers."
    )


def _losses(change: Change) -> Losses:
    if change.trees is None or isinstance(change.trees[0], Unparsed) or isinstance(change.trees[1], Unparsed):
        return Losses({}, {}, frozenset())
    reexports = (change.before.path or change.before.uri).endswith("__init__.py")
    old, new = interface(change.trees[0], reexports=reexports), interface(change.trees[1], reexports=True)
    removed: dict[str, str] = {}
    changed: dict[str, str] = {}
    breaking: set[str] = set()
    for name, kind in old.kinds.items():
        owner = name.rpartition(".")[0]
        if name in new.kinds or (owner and (owner not in new.kinds or new.bases.get(owner))):
            continue
        removed[name] = f"the public {kind} `{name}` is gone" if kind != "name" else f"the name `{name}` is gone"
    for name, function in old.functions.items():
        after = new.functions.get(name)
        if after is None:
            continue
        problem, breaks = signature_problem(function, after)
        if problem:
            changed[name] = f"`{name}` (line {after.lineno}) {problem}"
            if breaks:
                breaking.add(name)
    return Losses(removed, changed, frozenset(breaking))


def interface(tree: ast.Module, *, reexports: bool) -> Interface:
    """`reexports`: whether imported names count as public even without `__all__`."""
    found = Interface()
    exported = _exported(tree)
    for statement in _top_level(tree.body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if _is_public(name, exported):
                    found.kinds[name] = "function"
                    found.functions.setdefault(name, statement)
            case ast.ClassDef(name=name):
                if _is_public(name, exported):
                    found.kinds[name] = "class"
                    found.bases[name] = bool(statement.bases)
                    _members(name, statement, found)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    if bound in exported or (reexports and not bound.startswith("_") and bound != "*"):
                        found.kinds.setdefault(bound, "name")
            case _:
                for name in _bound(statement):
                    if _is_public(name, exported):
                        found.kinds.setdefault(name, "name")
    return found


def _members(owner: str, statement: ast.ClassDef, found: Interface) -> None:
    for member in _top_level(statement.body):
        if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if member.name in ("__init__", "__new__", "__call__") or not member.name.startswith("_"):
                found.kinds[f"{owner}.{member.name}"] = "method"
                found.functions.setdefault(f"{owner}.{member.name}", member)
        else:
            for name in _bound(member):
                if not name.startswith("_"):
                    found.kinds.setdefault(f"{owner}.{name}", "name")


def _top_level(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """Statements of a body and of its `if`, `try` and `with` blocks."""
    stack = list(body)[::-1]
    while stack:
        statement = stack.pop()
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            inner = [c for c in ast.iter_child_nodes(statement) if isinstance(c, (ast.stmt, ast.ExceptHandler))]
            for child in reversed(inner):
                stack.extend(reversed(child.body) if isinstance(child, ast.ExceptHandler) else [child])


def _bound(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    names: list[str] = []
    for target in targets:
        elements = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        names += [e.id for e in elements if isinstance(e, ast.Name)]
    return names


def _exported(tree: ast.Module) -> frozenset[str]:
    """The names in `__all__`, in the forms that can be read."""
    found: set[str] = set()
    for statement in tree.body:
        value: ast.expr | None = None
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in statement.targets
        ):
            value = statement.value
        elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
            value = (
                statement.value if isinstance(statement.target, ast.Name) and statement.target.id == "__all__" else None
            )
        if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            found.update(e.value for e in value.elts if isinstance(e, ast.Constant) and isinstance(e.value, str))
    return frozenset(found)


def _is_public(name: str, exported: frozenset[str]) -> bool:
    return not name.startswith("_") or name in exported


def signature_problem(before: Function, after: Function) -> tuple[str | None, bool]:
    """Why a call that fits `before` may not fit `after`, and whether more than a default is at stake."""
    old, new = before.args, after.args
    if _manner(before) != _manner(after):
        return (
            f"is {' '.join(_manner(after)) or 'a plain function'} now, it was {' '.join(_manner(before)) or 'plain'}",
            True,
        )
    old_names = [a.arg for a in (*old.posonlyargs, *old.args)]
    new_names = [a.arg for a in (*new.posonlyargs, *new.args)]
    by_keyword_only = {a.arg for a in new.kwonlyargs}
    for index, name in enumerate(old_names):
        if index >= len(new_names):
            if new.vararg and (index < len(old.posonlyargs) or new.kwarg):
                continue
            moved = " (it is keyword-only now)" if name in by_keyword_only else ""
            return f"no longer takes the parameter `{name}` by position{moved}", True
        if new_names[index] != name and index >= len(old.posonlyargs):
            return f"has `{new_names[index]}` where the parameter `{name}` was", True
    required = len(new_names) - len(new.defaults)
    old_keywords = {a.arg for a in old.kwonlyargs}
    for name in new_names[len(old_names) : required]:
        if name not in old_keywords:
            return f"has a new required parameter `{name}`", True
    for name in (a.arg for a in old.kwonlyargs):
        if name not in by_keyword_only and name not in {a.arg for a in new.args} and not new.kwarg:
            return f"no longer takes the parameter `{name}`", True
    for argument, default in zip(new.kwonlyargs, new.kw_defaults, strict=True):
        if default is None and argument.arg not in old_keywords and argument.arg not in old_names:
            return f"has a new required parameter `{argument.arg}`", True
    if (old.vararg and not new.vararg) or (old.kwarg and not new.kwarg):
        return "no longer takes any number of arguments", True
    old_required = len(old_names) - len(old.defaults)
    if min(required, len(old_names)) > old_required:
        return f"has no default for `{new_names[old_required]}` any more", False
    without = {a.arg for a, d in zip(old.kwonlyargs, old.kw_defaults, strict=True) if d is None}
    for argument, default in zip(new.kwonlyargs, new.kw_defaults, strict=True):
        if default is None and argument.arg not in without:
            return f"has no default for `{argument.arg}` any more", False
    return None, False


def _manner(function: Function) -> tuple[str, ...]:
    """How it is called: async, and by which of the built-in decorators."""
    known = {"property", "staticmethod", "classmethod", "contextmanager", "asynccontextmanager", "cached_property"}
    names = (d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "") for d in function.decorator_list)
    manner = [n for n in names if n in known]
    return ("async", *manner) if isinstance(function, ast.AsyncFunctionDef) else tuple(manner)
