"""Java: packages and types. Half of what a file uses stands in its own package, without an import, so type names are
resolved too.

https://docs.oracle.com/javase/specs/jls/se17/html/jls-6.html#jls-6.5.5, jls-7.html#jls-7.5
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codefactory.analyzers.graph.imports import ImportKind, RawImport, collect
from codefactory.analyzers.graph.index import split
from codefactory.analyzers.graph.rules import Definition, LanguageRules, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

    from codefactory.analyzers.graph.imports import FileImports
    from codefactory.analyzers.graph.index import FileIndex

_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CAPITAL = re.compile(rb"(?<![\w.$@\"'])@?((?:[a-z_]\w*\s*\.\s*){2,})?([A-Z]\w*)")
_TYPES = frozenset({
    "class_declaration", "interface_declaration", "enum_declaration", "record_declaration",
    "annotation_type_declaration",
})  # fmt: skip
_TEXT = frozenset({"line_comment", "block_comment", "string_literal", "string_fragment", "character_literal",
                   "escape_sequence", "multiline_string_fragment"})  # fmt: skip
_DECLARING = frozenset({*_TYPES, "type_parameter", "method_declaration", "constructor_declaration", "enum_constant",
                        "variable_declarator", "labeled_statement", "formal_parameter"})  # fmt: skip
_BEFORE_NAME = (b"class", b"interface", b"enum", b"record")
_AT_WILL = "|"
"""After each of the packages in which a simple name is looked for, the file's own first."""


def extract(tree: Tree, source: bytes, path: str) -> FileImports:
    package = ""
    declared: list[str] = []
    raw: list[RawImport] = []
    body = 0
    for node in tree.root_node.children:
        if node.type == "package_declaration":
            package = _dotted(source[node.start_byte + 7 : node.end_byte])
            package = package.rpartition("package")[2] if package.startswith("package") else package
        elif node.type == "import_declaration":
            raw += _import(node, source)
        elif node.type in _TYPES:
            name = node.child_by_field_name("name")
            declared.append((name.text or b"").decode("utf-8", "replace") if name is not None else "")
        if node.type in ("package_declaration", "import_declaration"):
            body = node.end_byte
    packages = [package, *(r.module for r in raw if r.name == "*")]
    known = {r.module.rpartition(".")[2] for r in raw if not r.name} | {*declared}
    raw += _references(tree, source, body, _AT_WILL.join([*packages, ""]), known)
    return collect(raw, source, [f"package {package}", *(f"type {name}" for name in declared if name)])


def _import(node: Node, source: bytes) -> Iterator[RawImport]:
    text = _COMMENT.sub(lambda m: b" " * len(m[0]), source[node.start_byte : node.end_byte])
    found = re.match(rb"import\s+(static\s+)?([\w.\s]*\w)\s*(\.\s*\*)?", text)
    if found is None:
        return
    start, end = node.start_byte + found.start(2), node.start_byte + found.end(2)
    module = _dotted(found[2])
    name = "*" if found[3] else ""
    if found[1]:
        module, name = (module, "*") if found[3] else (module.rpartition(".")[0], module.rpartition(".")[2])
    yield RawImport(start, end, module, name, ImportKind.IMPORT)


def _references(tree: Tree, source: bytes, start: int, packages: str, known: set[str]) -> Iterator[RawImport]:
    """The first use of each capitalised name that nothing in the file declares, and each name with its package."""
    found: list[RawImport] = []
    node_at = tree.root_node.descendant_for_byte_range
    seen: set[bytes] = set()
    for match in _CAPITAL.finditer(source, start):
        qualified, name = match[1], match[2]
        text = match[0]
        at = match.start(2)
        if (text if qualified else name) in seen and not source[max(start, at - 11) : at].rstrip().endswith(
            _BEFORE_NAME
        ):
            continue
        node = node_at(at, match.end(2))
        if node is None or node.type in _TEXT or node.type not in ("identifier", "type_identifier"):
            continue
        parent = node.parent
        if parent is not None and parent.type in _DECLARING and _declares(parent, node):
            if parent.type in _TYPES or parent.type == "type_parameter":
                known.add(name.decode("utf-8", "replace"))
            continue
        seen.add(text if qualified else name)
        if qualified:
            module = _dotted(qualified).rstrip(".") + "." + name.decode("utf-8", "replace")
            yield RawImport(match.start(1), match.end(2), module, "", ImportKind.REFERENCE)
        else:
            simple = name.decode("utf-8", "replace")
            found.append(RawImport(at, match.end(2), packages, simple, ImportKind.REFERENCE))
    yield from (r for r in found if r.name not in known)  # a declaration may follow its first use


def _declares(parent: Node, node: Node) -> bool:
    if parent.type == "type_parameter":
        return parent.named_children[0] == node
    return parent.child_by_field_name("name") == node


def _dotted(text: bytes) -> str:
    return b"".join(_COMMENT.sub(b"", text).replace(b";", b"").split()).decode("utf-8", "replace")


class JavaResolver:
    def __init__(self, files: FileIndex) -> None:
        self._files = files
        self._types: dict[str, list[str]] | None = None
        self._packages: set[str] = set()
        self._declared: dict[str, frozenset[str]] = {}

    def forget(self, configuration: bool) -> None:
        self._types = None
        self._declared.clear()

    def settle(self) -> None:
        """What it keeps, the next edit needs too."""

    def members(self, folder: str) -> tuple[str, ...]:
        return ()

    def resolve(self, path: str, module: str, name: str) -> Resolution:
        types = self._index()
        if module.endswith(_AT_WILL):
            return self._simple(path, module.split(_AT_WILL)[:-1], name)
        if name == "*" and module in self._packages:
            return Resolution(reason=Reason.NAMESPACE)
        found = self._qualified(types, module)
        if found is not None:
            return self._to(path, found)
        is_local = module.rpartition(".")[0] in self._packages
        return Resolution(reason=Reason.MISSING if is_local else _outside(module))

    def _simple(self, path: str, packages: list[str], name: str) -> Resolution:
        types = self._index()
        for package in packages:
            found = types.get(f"{package}.{name}" if package else name)
            if found is not None:
                return self._to(path, found)
        found = types.get(f"java.lang.{name}")
        if found is not None:
            return self._to(path, found)
        return Resolution(reason=Reason.EXTERNAL)

    def _qualified(self, types: dict[str, list[str]], module: str) -> list[str] | None:
        while module:
            if module in types:
                return types[module]
            module = module.rpartition(".")[0]
        return None

    def _to(self, path: str, candidates: list[str]) -> Resolution:
        """Of several files that declare the type (variants for platforms, tests), the nearest."""
        best = candidates[0] if len(candidates) == 1 else max(candidates, key=lambda c: (_common(c, path), c == path))
        return Resolution(reason=Reason.SELF) if best == path else Resolution(best)

    def _index(self) -> dict[str, list[str]]:
        if self._types is None:
            self._types = {}
            self._packages = set()
            for path in sorted(self._files):
                facts = self._files.facts.get(self._files.ids[path], ()) if path.endswith(".java") else ()
                package = ""
                for fact in facts:
                    word, _, value = fact.partition(" ")
                    if word == "package":
                        package = value
                        self._packages.add(package)
                    else:
                        name = f"{package}.{value}" if package else value
                        self._types.setdefault(name, []).append(path)
        return self._types


def _common(a: str, b: str) -> int:
    count = 0
    for x, y in zip(a.split("/"), b.split("/"), strict=False):
        if x != y:
            break
        count += 1
    return count


def _outside(module: str) -> Reason:
    return Reason.STANDARD if module.startswith(("java.", "javax.", "jdk.")) else Reason.EXTERNAL


def is_test(path: str) -> bool:
    name = split(path)[1].removesuffix(".java")
    return name.endswith(("Test", "Tests", "IT")) or name.startswith("Test") or "src/test/" in path


_TYPE = Definition("class", container=True)

JAVA = LanguageRules(
    "java",
    (".java",),
    extract,
    JavaResolver,
    definitions={
        "class_declaration": _TYPE,
        "interface_declaration": Definition("interface", container=True),
        "enum_declaration": Definition("enum", container=True),
        "record_declaration": Definition("record", container=True),
        "annotation_type_declaration": Definition("annotation", container=True),
        "method_declaration": Definition("method"),
        "constructor_declaration": Definition("constructor"),
    },
    members=frozenset({"field_declaration", "constant_declaration", "enum_constant"}),
    transparent=frozenset({"enum_body_declarations"}),
    identifiers=("identifier", "type_identifier"),
    tests=is_test,
)
