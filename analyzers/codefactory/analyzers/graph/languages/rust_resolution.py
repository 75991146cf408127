"""What a path means in Rust: crates from Cargo.toml, and the tree of modules below each crate's root.

https://doc.rust-lang.org/reference/items/modules.html, https://doc.rust-lang.org/cargo/reference/cargo-targets.html
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, cast

from codefactory.analyzers.graph.index import join, split
from codefactory.analyzers.graph.rules import Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.analyzers.graph.index import FileIndex

_STANDARD = frozenset({"std", "core", "alloc", "proc_macro", "test"})
_MAX_DEPTH = 64
INCLUDE = "include!"
"""What stands for the module of `include!("name.rs")`."""

ModulePath = tuple[str, ...]


class _Crate:
    """A crate's root file and the modules below it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[ModulePath, str] = {(): root}
        """Modules that have a file of their own."""
        self.inline: dict[ModulePath, str] = {}
        """Other modules, and the file in which they stand."""


class RustResolver:
    def __init__(self, files: FileIndex) -> None:
        self._files = files
        self._crates: list[_Crate] | None = None
        self._modules: dict[str, list[tuple[_Crate, ModulePath]]] = {}
        self._libraries: dict[str, _Crate] = {}

    def forget(self, configuration: bool) -> None:
        self._crates = None

    def settle(self) -> None:
        """What it keeps, the next edit needs too."""

    def members(self, folder: str) -> tuple[str, ...]:
        return ()

    def resolve(self, path: str, module: str, name: str) -> Resolution:
        if module == INCLUDE:
            target = join(split(path)[0], name)
            return Resolution(target) if target in self._files else Resolution(reason=Reason.MISSING)
        self._build()
        places = self._modules.get(path)
        if not places:  # in no crate: only what stands beside it can be meant
            places = [(_Crate(path), ())]
        found = Resolution(reason=Reason.EXTERNAL)
        for crate, own in places:
            found = self._in(crate, own, path, module, name)
            if found.target is not None or found.reason is Reason.SELF:
                return found
        return found

    def _in(self, crate: _Crate, own: ModulePath, path: str, module: str, name: str) -> Resolution:
        declared = (*own, *module.split("::"))
        if self._is_declaration(path, module, name):
            target = crate.files.get(declared)
            return Resolution(target) if target is not None else Resolution(reason=Reason.MISSING)
        segments = [*module.split("::"), name] if module else [name]
        return self._walk(crate, own, path, segments)

    def _is_declaration(self, path: str, module: str, name: str) -> bool:
        facts = self._files.facts.get(self._files.ids.get(path, -1), ())
        return (f"mod {module}={name}" if name else f"mod {module}") in facts

    def _walk(self, crate: _Crate, own: ModulePath, path: str, segments: list[str]) -> Resolution:
        first, rest = segments[0], tuple(segments[1:])
        if first == "crate":
            return self._deepest(crate, (), rest, path)
        if first == "self":
            return self._deepest(crate, own, rest, path)
        if first == "super":
            at = own
            parts = tuple(segments)
            while parts and parts[0] == "super":
                if not at:
                    return Resolution(reason=Reason.MISSING)
                at, parts = at[:-1], parts[1:]
            return self._deepest(crate, at, parts, path)
        if first == "":
            return self._outer(rest, path) or Resolution(reason=_outside(rest[0] if rest else ""))
        at = own
        if first == "self?":  # written in an inline module: its own names, then the crates
            inner = tuple(segments[1:])
            for cut in range(len(inner)):
                if (*own, *inner[: cut + 1]) not in crate.inline:
                    at, segments = (*own, *inner[:cut]), list(inner[cut:])
                    break
            first = segments[0]
        if self._has(crate, (*at, first)):
            return self._deepest(crate, at, tuple(segments), path)
        found = self._outer(tuple(segments), path)
        if found is None and self._has(crate, (first,)):  # the 2015 edition: from the crate's root
            return self._deepest(crate, (), tuple(segments), path)
        return found or Resolution(reason=_outside(first))

    def _outer(self, segments: ModulePath, path: str) -> Resolution | None:
        library = self._libraries.get(segments[0]) if segments else None
        return self._deepest(library, (), segments[1:], path) if library is not None else None

    def _has(self, crate: _Crate, module: ModulePath) -> bool:
        return module in crate.files or module in crate.inline

    def _deepest(self, crate: _Crate, start: ModulePath, rest: ModulePath, path: str) -> Resolution:
        """The file of the innermost module on the way; what follows is an item in it."""
        at = start
        for segment in rest:
            if not self._has(crate, (*at, segment)):
                break
            at = (*at, segment)
        target = crate.files.get(at) or crate.inline.get(at)
        if target is None:
            return Resolution(reason=Reason.MISSING)
        return Resolution(reason=Reason.SELF) if target == path else Resolution(target)

    def _build(self) -> None:
        if self._crates is not None:
            return
        self._crates = []
        self._modules = {}
        self._libraries = {}
        packages = sorted(p for p in self._files.configurations if split(p)[1] == "Cargo.toml")
        roots: dict[str, str | None] = {}
        for package in packages:
            for root, library in self._roots(package):
                roots.setdefault(root, library)
        if not packages:
            roots = {p: None for p in self._files if p.endswith(".rs") and split(p)[1] in ("lib.rs", "main.rs")}
        for root, library in roots.items():
            crate = self._grow(root)
            self._crates.append(crate)
            if library:
                self._libraries.setdefault(library, crate)

    def _roots(self, manifest: str) -> Iterator[tuple[str, str | None]]:
        """Root files of a package's crates, and the library's name."""
        folder = split(manifest)[0]
        try:
            data: dict[str, Any] = tomllib.loads(self._files.configuration(manifest) or "")
        except tomllib.TOMLDecodeError:
            data = {}
        package, lib = _table(data.get("package")), _table(data.get("lib"))
        name = str(lib.get("name") or package.get("name") or "").replace("-", "_")
        candidates: list[tuple[str | None, str | None]] = [(join(folder, str(lib.get("path") or "src/lib.rs")), name)]
        for kind in ("bin", "test", "example", "bench"):
            targets = data.get(kind)
            for target in cast("list[Any]", targets) if isinstance(targets, list) else []:
                written = _table(target).get("path")
                if isinstance(written, str):
                    candidates.append((join(folder, written), None))
        build = package.get("build")
        candidates += [
            (folder + "src/main.rs", None),
            (folder + (build if isinstance(build, str) else "build.rs"), None),
        ]
        for place in ("src/bin/", "tests/", "examples/", "benches/"):
            names = self._files.folders.get(folder + place, set())
            candidates += [(folder + place + n, None) for n in sorted(names) if n.endswith(".rs")]
            candidates += [(folder + place + n + "main.rs", None) for n in sorted(names) if n.endswith("/")]
        for path, library in candidates:
            if path is not None and path in self._files:
                yield path, library

    def _grow(self, root: str) -> _Crate:
        crate = _Crate(root)
        pending: list[tuple[str, ModulePath]] = [(root, ())]
        while pending:
            path, own = pending.pop()
            places = self._modules.setdefault(path, [])
            if len(own) > _MAX_DEPTH or len(places) > _MAX_DEPTH:
                continue
            places.append((crate, own))
            folder, name = split(path)
            is_folder_module = path == root or name == "mod.rs"
            below = folder if is_folder_module else f"{folder}{name.removesuffix('.rs')}/"
            for fact in self._files.facts.get(self._files.ids[path], ()):
                written, _, attribute = fact.removeprefix("mod ").partition("=")
                inside = written.split("::")
                for depth in range(1, len(inside)):
                    crate.inline.setdefault((*own, *inside[:depth]), path)
                target = self._module_file(folder, below, inside, attribute)
                module = (*own, *inside)
                if target is not None and module not in crate.files:
                    crate.files[module] = target
                    pending.append((target, module))
        return crate

    def _module_file(self, folder: str, below: str, inside: list[str], attribute: str) -> str | None:
        nested = "".join(part + "/" for part in inside[:-1])
        if attribute:
            path = join(below + nested if nested else folder, attribute)
            return path if path is not None and path in self._files else None
        base = f"{below}{nested}{inside[-1]}"
        return next((p for p in (f"{base}.rs", f"{base}/mod.rs") if p in self._files), None)


def _outside(crate: str) -> Reason:
    return Reason.STANDARD if crate in _STANDARD else Reason.EXTERNAL


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
