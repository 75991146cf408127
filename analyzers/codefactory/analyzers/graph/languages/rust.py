"""Rust: how `mod`, `use` and `extern crate` are written. What they mean is in `rust_resolution`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from codefactory.analyzers.graph.imports import ImportKind, RawImport, collect
from codefactory.analyzers.graph.rules import Definition, LanguageRules

from .rust_resolution import INCLUDE, RustResolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

    from codefactory.analyzers.graph.imports import FileImports

_USE = re.compile(rb"(?<![\w#])use\b")
_MOD = re.compile(rb"(?<![\w#])mod\s+(?:r#)?(\w+)")
_EXTERN = re.compile(rb"(?<!\w)extern\s+crate\s+(\w+)")
_PATH = re.compile(rb"(?<![\w:$])(?:crate|super)\s*::")
_PATH_ATTRIBUTE = re.compile(rb'#\s*\[\s*(?:cfg_attr\s*\(.*,\s*)?path\s*=\s*"([^"\n]+)"')
_INCLUDE = re.compile(rb'(?<!\w)include\s*!\s*[(\[{]\s*"([^"\n]+\.rs)"')
_TOKEN = re.compile(rb"//[^\n]*|/\*.*?\*/|::|[{},*]|(?:r#)?\w+", re.DOTALL)
_MAX_NESTING = 64


def extract(tree: Tree, source: bytes, path: str) -> FileImports:
    raw = list(_imports(tree, source))
    facts = [_fact(r) for r in raw if r.kind is ImportKind.MODULE and r.module != INCLUDE]
    return collect(raw, source, facts)


def _fact(module: RawImport) -> str:
    """ "mod a::b" or "mod a::b=path.rs"."""
    return f"mod {module.module}" + (f"={module.name}" if module.name else "")


class _Place(NamedTuple):
    inside: list[str]
    """Names of the inline modules around, outermost first."""
    lazy: bool
    macro: bool


def _imports(tree: Tree, source: bytes) -> Iterator[RawImport]:
    node_at = tree.root_node.descendant_for_byte_range
    for match in _MOD.finditer(source):
        node = node_at(match.start(), match.start() + 3)
        item = node.parent if node is not None and node.type == "mod" else None
        if item is not None and item.type == "mod_item":
            if item.child_by_field_name("body") is None:
                yield _module(match, _place(item), _path_attribute(item))
        elif node is not None and source[match.end() :].lstrip()[:1] == b";" and (place := _in_macro(node)) is not None:
            yield _module(match, place, "")
    for match in _USE.finditer(source):
        node = node_at(match.start(), match.start() + 3)
        if node is None:
            continue
        declaration = node.parent if node.type == "use" else None
        if declaration is not None and declaration.type == "use_declaration":
            place, end = _place(declaration), declaration.end_byte
            public = declaration.named_child_count > 1 and declaration.named_children[0].type == "visibility_modifier"
        elif (in_macro := _in_macro(node)) is not None:
            place, end, public = in_macro, source.find(b";", match.end()), False
        else:
            continue
        kind = ImportKind.REEXPORT if public else ImportKind.LAZY if place.lazy else ImportKind.IMPORT
        yield from _use(source, match.end(), end, place.inside, kind)
    for match in _EXTERN.finditer(source):
        node = node_at(match.start(), match.start() + 6)
        if node is not None and node.parent is not None and node.parent.type == "extern_crate_declaration":
            name = match[1].decode("utf-8", "replace")
            yield RawImport(match.start(1), match.end(1), f"::{name}", "", ImportKind.IMPORT)
    for match in _INCLUDE.finditer(source):
        node = node_at(match.start(), match.start() + 7)
        if node is not None and node.type == "identifier":
            name = match[1].decode("utf-8", "replace")
            yield RawImport(match.start(1), match.end(1), INCLUDE, name, ImportKind.MODULE)
    yield from _paths(tree, source)


def _module(match: re.Match[bytes], place: _Place, path: str) -> RawImport:
    module = "::".join([*place.inside, match[1].decode("utf-8", "replace")])
    return RawImport(match.start(1), match.end(1), module, path, ImportKind.MODULE)


def _place(node: Node) -> _Place:
    inside: list[str] = []
    lazy = False
    parent = node.parent
    while parent is not None:
        if parent.type == "mod_item":
            name = parent.child_by_field_name("name")
            inside.insert(0, (name.text or b"").decode("utf-8", "replace") if name is not None else "")
        elif parent.type == "function_item":
            lazy = True
        parent = parent.parent
    return _Place(inside, lazy, macro=False)


def _in_macro(node: Node) -> _Place | None:
    """Where a word in the arguments of a macro stands: `cfg_if! { ... }` and its like pass items through. None for
    the definition of a macro, and for what is no code."""
    inner = node
    for _ in range(_MAX_NESTING):
        parent = inner.parent
        if node.type != "identifier" and node.type not in ("use", "mod"):
            return None
        if parent is None or parent.type in ("macro_definition", "macro_rule", "attribute"):
            return None
        if parent.type == "macro_invocation":
            place = _place(parent)
            return None if place.lazy else place._replace(macro=True)
        inner = parent
    return None


def _path_attribute(module: Node) -> str:
    sibling = module.prev_sibling
    while sibling is not None and sibling.type in ("attribute_item", "line_comment", "block_comment"):
        found = _PATH_ATTRIBUTE.match(sibling.text or b"")
        if found is not None:
            return found[1].decode("utf-8", "replace")
        sibling = sibling.prev_sibling
    return ""


def _use(source: bytes, start: int, end: int, inside: list[str], kind: ImportKind) -> Iterator[RawImport]:
    """One import for each leaf of a use tree."""
    prefixes: list[tuple[list[str], int]] = []
    path: list[str] = []
    first = last = last_start = -1
    alias = False

    def leaf() -> Iterator[RawImport]:
        if path and len(path) < _MAX_NESTING:
            segments = _relative(path[:-1] if path[-1] == "self" and len(path) > 1 else path, inside)
            module, name = "::".join(segments[:-1]), segments[-1]
            yield RawImport(first, last, module, name, kind, last_start, last)

    for token in _TOKEN.finditer(source, start, end):
        word = token.group()
        if word.startswith((b"//", b"/*")):
            continue
        if word == b"{":
            prefixes.append((path.copy(), first))
            if len(prefixes) > _MAX_NESTING:
                return
            alias = False
        elif word in (b",", b"}"):
            yield from leaf()
            alias = False
            if not prefixes:
                return
            path, first = prefixes[-1][0].copy(), prefixes[-1][1]
            if word == b"}":
                prefixes.pop()
                path = []
            elif first < 0:
                path = []
        elif word == b"::":
            if not path:
                path.append("")
        elif word == b"as":
            alias = True
        elif not alias:
            path.append(word.decode("utf-8", "replace").removeprefix("r#"))
            last_start, last = token.start(), token.end()
            if first < 0 or (not prefixes and len(path) == 1):
                first = token.start()
    yield from leaf()


def _relative(path: list[str], inside: list[str]) -> list[str]:
    """A path as the file's own module sees it: `super` out of an inline module stays in the file."""
    if path[0] in ("crate", ""):
        return path
    if path[0] not in ("self", "super"):
        return ["self?", *inside, *path] if inside else path
    depth = list(inside)
    rest = path[1:] if path[0] == "self" else path
    above: list[str] = []
    while rest and rest[0] == "super":
        rest = rest[1:]
        if depth:
            depth.pop()
        else:
            above.append("super")
    return [*(above or ["self"]), *depth, *rest] if rest else [*(above or ["self"]), *depth]


def _paths(tree: Tree, source: bytes) -> Iterator[RawImport]:
    """`crate::a::f()` and the like, where no `use` is written: each path once."""
    seen: set[bytes] = set()
    node_at = tree.root_node.descendant_for_byte_range
    for match in _PATH.finditer(source):
        node = node_at(match.start(), match.start() + 5)
        if node is None or node.type not in ("crate", "super"):
            continue
        outer = node
        while outer.parent is not None and outer.parent.type in ("scoped_identifier", "scoped_type_identifier"):
            outer = outer.parent
        if outer.parent is None or outer.parent.type.startswith(("use", "scoped_use", "visibility")):
            continue
        text = outer.text or b""
        place = _place(outer)
        key = b"::".join([text, *(name.encode() for name in place.inside)])
        if key in seen:
            continue
        seen.add(key)
        path = [part.strip().removeprefix("r#") for part in text.decode("utf-8", "replace").split("::")]
        if 1 < len(path) < _MAX_NESTING and all(re.fullmatch(r"\w+", part) for part in path):
            segments = _relative(path, place.inside)
            module, name = "::".join(segments[:-1]), segments[-1]
            yield RawImport(outer.start_byte, outer.end_byte, module, name, ImportKind.REFERENCE)


def is_test(path: str) -> bool:
    return path.startswith("tests/") or "/tests/" in path or path.endswith(("/tests.rs", "_test.rs", "/test.rs"))


RUST = LanguageRules(
    "rust",
    (".rs",),
    extract,
    RustResolver,
    ("Cargo.toml",),
    definitions={
        "function_item": Definition("function"),
        "function_signature_item": Definition("function"),
        "struct_item": Definition("struct", body=""),
        "enum_item": Definition("enum", body=""),
        "union_item": Definition("union", body=""),
        "trait_item": Definition("trait", container=True),
        "impl_item": Definition("impl", name="type", container=True),
        "mod_item": Definition("module", container=True),
        "macro_definition": Definition("macro", body="rules"),
    },
    members=frozenset({"const_item", "static_item", "type_item", "associated_type"}),
    transparent=frozenset({"foreign_mod_item", "declaration_list"}),
    identifiers=("identifier", "type_identifier", "field_identifier"),
    tests=is_test,
    changes_everything=lambda name: True,  # a module's path need not be its file's
)
