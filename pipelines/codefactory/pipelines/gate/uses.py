"""`WorkspaceUses`: which Python files of a workspace use a module's public names, by reading them."""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from codefactory.analyzers import Snapshot

from .structure import Unparsed, parse
from .workspace import files

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES = 5_000
MAX_BYTES = 1_000_000
"""Of one file."""


class WorkspaceUses:
    """A `UsesElsewhere` that reads the workspace anew on each call."""

    def __init__(self, root: Path, document_path: Path) -> None:
        self._root = root
        self._document = document_path

    def __call__(self, names: frozenset[str]) -> dict[str, tuple[str, ...]]:
        """Files relative to the root, by name. A file counts as a user when it imports the module and the name, or
        reads the name as an attribute of the module; for "Account.close", when it also names `close` as an attribute.
        Files beyond `MAX_FILES`, larger than `MAX_BYTES` or with a syntax error are not seen.
        """
        try:
            relative = PurePosixPath(self._document.resolve().relative_to(self._root.resolve()).as_posix())
        except ValueError:
            return {}
        modules = _module_names(relative)
        found: dict[str, list[str]] = {}
        for path in self._python_files(relative):
            for name in self._used_in(path, modules, names):
                found.setdefault(name, []).append(str(path))
        return {name: tuple(paths) for name, paths in found.items()}

    def _python_files(self, document: PurePosixPath) -> Iterator[PurePosixPath]:
        paths = (p for p in files(self._root) if p.suffix in (".py", ".pyi") and p != document)
        for _, path in zip(range(MAX_FILES), paths, strict=False):
            yield path

    def _used_in(self, path: PurePosixPath, modules: frozenset[str], names: frozenset[str]) -> set[str]:
        try:
            data = (self._root / path).read_bytes()
        except OSError:
            return set()
        wanted = {n for n in names if n.rpartition(".")[2].removeprefix("__").removesuffix("__").encode() in data}
        stems = {m.rpartition(".")[2].encode() for m in modules}
        if len(data) > MAX_BYTES or not (wanted or b"*" in data) or not any(stem in data for stem in stems):
            return set()
        tree = parse(Snapshot(str(path), data.decode("utf-8", "replace"), "python"))
        return set() if isinstance(tree, Unparsed) else _used(tree, path, modules, wanted)


def _module_names(relative: PurePosixPath) -> frozenset[str]:
    """Every dotted name the file may be imported by: the workspace's folders may or may not be import roots."""
    parts = relative.with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return frozenset(".".join(parts[i:]) for i in range(len(parts)))


def _used(tree: ast.Module, path: PurePosixPath, modules: frozenset[str], names: set[str]) -> set[str]:
    bound, stars = _imported(tree, path, modules)
    used: set[str] = set()
    attributes: set[str] = set()
    loads: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            attributes.add(node.attr)
            if bound.get(_dotted(node.value) or "") == "":
                used.add(node.attr)
        elif isinstance(node, ast.Name):
            loads.add(node.id)
    used |= {original for original in bound.values() if original}
    if stars:
        used |= loads
    return {n for n in names if _matches(n, used, attributes)}


def _matches(name: str, used: set[str], attributes: set[str]) -> bool:
    owner, _, member = name.rpartition(".")
    if not owner:
        return name in used
    # A constructor is called through its class; any other method on an object that may have come from anywhere.
    return owner in used if member in ("__init__", "__new__") else owner in used and member in attributes


def _imported(tree: ast.Module, path: PurePosixPath, modules: frozenset[str]) -> tuple[dict[str, str], bool]:
    """Name here → name in the module, "" for the module itself; and whether everything was imported by `*`."""
    bound: dict[str, str] = {}
    stars = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in modules:
                    bound[alias.asname or alias.name] = ""
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, path)
            for alias in node.names:
                if _is_module(f"{source}.{alias.name}".strip("."), modules, relative=node.level > 0):
                    bound[alias.asname or alias.name] = ""
                elif _is_module(source, modules, relative=node.level > 0):
                    stars = stars or alias.name == "*"
                    bound[alias.asname or alias.name] = alias.name
    return bound, stars


def _is_module(name: str, modules: frozenset[str], *, relative: bool) -> bool:
    """A relative import names the file by its whole path from the root."""
    return name == max(modules, key=len, default="") if relative else name in modules


def _absolute(node: ast.ImportFrom, path: PurePosixPath) -> str:
    if not node.level:
        return node.module or ""
    package = path.parent.parts
    base = package[: len(package) - (node.level - 1)]
    return ".".join((*base, *((node.module,) if node.module else ())))


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else None
