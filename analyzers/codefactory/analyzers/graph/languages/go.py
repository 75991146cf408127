"""Go: modules, `replace`, `vendor`; an import means a package, which is a folder.

https://go.dev/ref/mod, https://pkg.go.dev/cmd/go#hdr-Import_path_syntax
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from codefactory.analyzers.graph.imports import ImportKind, RawImport, collect
from codefactory.analyzers.graph.index import join, split
from codefactory.analyzers.graph.rules import Definition, LanguageRules, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

    from codefactory.analyzers.graph.imports import FileImports
    from codefactory.analyzers.graph.index import FileIndex

_BUILD = re.compile(rb"^//(?:go:build|[ \t]*\+build)[ \t]+(.*)$", re.MULTILINE)
_MODULE = re.compile(r'^\s*module\s+"?([^\s"]+)', re.MULTILINE)
_REPLACE = re.compile(r"^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>\s+(\.{1,2}(?:/\S*)?)\s*(?://.*)?$", re.MULTILINE)
NEVER_BUILT = "build ignore"


def extract(tree: Tree, source: bytes, path: str) -> FileImports:
    package = ""
    head = len(source)
    raw: list[RawImport] = []
    for node in tree.root_node.children:
        if node.type == "package_clause":
            head = node.start_byte
            name = node.named_children[0].text if node.named_children else None
            package = (name or b"").decode("utf-8", "replace")
        elif node.type == "import_declaration":
            raw += _specs(node, source)
        elif node.type not in ("comment", "\n", ";", "ERROR"):
            break  # imports come before everything else
    facts = [f"package {package}"] if package else []
    facts += [f"build {m[1].decode('utf-8', 'replace').strip()}" for m in _BUILD.finditer(source, 0, head)]
    return collect(raw, source, facts)


def _specs(declaration: Node, source: bytes) -> Iterator[RawImport]:
    for child in declaration.named_children:
        for spec in child.named_children if child.type == "import_spec_list" else [child]:
            literal = spec.child_by_field_name("path") if spec.type == "import_spec" else None
            if literal is not None and literal.end_byte - literal.start_byte > 2:
                start, end = literal.start_byte + 1, literal.end_byte - 1
                yield RawImport(start, end, source[start:end].decode("utf-8", "replace"), "", ImportKind.IMPORT)


class _Module(NamedTuple):
    name: str
    folder: str
    replacements: dict[str, str]
    """Module path → folder."""


class GoResolver:
    def __init__(self, files: FileIndex) -> None:
        self._files = files
        self._modules: list[_Module] | None = None
        self._members: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], Resolution] = {}

    def forget(self, configuration: bool) -> None:
        self._found.clear()
        self._members.clear()
        if configuration:
            self._modules = None

    def settle(self) -> None:
        self._found.clear()

    def members(self, folder: str) -> tuple[str, ...]:
        """The package's files for any platform: no tests, nothing that is never built."""
        known = self._members.get(folder)
        if known is None:
            known = self._members[folder] = tuple(p for p in self._files.files_in(folder) if self._is_built(p))
        return known

    def resolve(self, path: str, module: str, name: str) -> Resolution:
        folder = split(path)[0]
        key = (folder, module)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._resolve(folder, module)
        return found

    def _is_built(self, path: str) -> bool:
        name = split(path)[1]
        if not path.endswith(".go") or name.startswith(("_", ".")) or name.endswith("_test.go"):
            return False
        return NEVER_BUILT not in self._files.facts.get(self._files.ids[path], ())

    def _resolve(self, folder: str, module: str) -> Resolution:
        if module.startswith(("./", "../")):
            base = join(folder, module)
            return self._package(base + "/" if base else "") or Resolution(reason=Reason.MISSING)
        own = self._module_of(folder)
        vendored = self._vendored(folder, module)
        if vendored is not None:
            return vendored
        if own is not None:
            if own.name == "std":
                found = self._package(f"{own.folder}{module}/")
                if found is not None:
                    return found
            for replaced, target in own.replacements.items():
                if _inside(module, replaced):
                    found = self._package(_folder(target, module[len(replaced) :]))
                    return found or Resolution(reason=Reason.MISSING)
        for candidate in self._all():
            if _inside(module, candidate.name):
                found = self._package(_folder(candidate.folder, module[len(candidate.name) :]))
                return found or Resolution(reason=Reason.MISSING)
        for candidate in self._all():
            if candidate.name == "std":
                found = self._package(f"{candidate.folder}{module}/")
                if found is not None:
                    return found
        is_standard = "." not in module.partition("/")[0]
        return Resolution(reason=Reason.STANDARD if is_standard else Reason.EXTERNAL)

    def _package(self, folder: str) -> Resolution | None:
        return Resolution(folder, None, folder=True) if self.members(folder) else None

    def _vendored(self, folder: str, module: str) -> Resolution | None:
        while True:
            found = self._package(f"{folder}vendor/{module}/")
            if found is not None or not folder:
                return found
            folder = split(folder[:-1])[0]

    def _module_of(self, folder: str) -> _Module | None:
        return next((m for m in self._all() if folder.startswith(m.folder)), None)

    def _all(self) -> list[_Module]:
        """Modules of this tree, the innermost first, which for nested ones is the longest name first too."""
        if self._modules is None:
            self._modules = []
            for path in self._files.configurations:
                folder, name = split(path)
                text = self._files.configuration(path) if name == "go.mod" else None
                found = _MODULE.search(text) if text is not None else None
                if found is not None and text is not None:
                    targets = {m[1]: join(folder, m[2]) for m in _REPLACE.finditer(text)}
                    replacements = {name: target for name, target in targets.items() if target is not None}
                    self._modules.append(_Module(found[1], folder, replacements))
            self._modules.sort(key=lambda m: (-m.folder.count("/"), m.folder))
        return self._modules


def _inside(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + "/")


def _folder(base: str, rest: str) -> str:
    joined = "/".join(part for part in (base.strip("/"), rest.strip("/")) if part)
    return joined + "/" if joined else ""


def is_test(path: str) -> bool:
    return path.endswith("_test.go")


GO = LanguageRules(
    "go",
    (".go",),
    extract,
    GoResolver,
    ("go.mod",),
    definitions={
        "function_declaration": Definition("function"),
        "method_declaration": Definition("method"),
        "type_spec": Definition("type", body=""),
    },
    members=frozenset({"const_declaration", "var_declaration"}),
    wrappers=frozenset({"type_declaration"}),
    identifiers=("identifier", "type_identifier", "field_identifier"),
    tests=is_test,
)
