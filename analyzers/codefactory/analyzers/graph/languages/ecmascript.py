"""JavaScript and TypeScript: how imports are written. What they mean is in `ecmascript_resolution`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codefactory.analyzers.graph.imports import ImportKind, RawImport, collect
from codefactory.analyzers.graph.index import split
from codefactory.analyzers.graph.rules import Definition, LanguageRules

from .ecmascript_resolution import EcmaScriptResolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

    from codefactory.analyzers.graph.imports import FileImports

_WORDS = (re.compile(rb"import\b"), re.compile(rb"export\b"), re.compile(rb"require\s*\("))
_REFERENCE = re.compile(rb"""^[ \t]*///[ \t]*<reference[ \t]+path[ \t]*=[ \t]*(["'])([^"'\r\n]+)\1""", re.MULTILINE)
_CLAUSE_TOKEN = re.compile(rb"//[^\n]*|/\*.*?\*/|[{},*]|[^\s{},*/]+", re.DOTALL)
_FUNCTIONS = frozenset({
    "function_declaration", "function_expression", "arrow_function", "method_definition", "generator_function",
    "generator_function_declaration",
})  # fmt: skip


def extract(tree: Tree, source: bytes, path: str) -> FileImports:
    return collect(_imports(tree, source), source)


def _imports(tree: Tree, source: bytes) -> Iterator[RawImport]:
    node_at = tree.root_node.descendant_for_byte_range
    for word in _WORDS:
        for match in word.finditer(source):
            start = match.start()
            node = node_at(start, start + 6)
            parent = node.parent if node is not None else None
            if node is None or parent is None:
                continue
            if node.type == "import" and parent.type == "import":  # the node of `import(` wraps the word
                node, parent = parent, parent.parent
            if parent is None:
                continue
            if parent.type in ("import_statement", "export_statement"):
                yield from _statement(parent, source)
            elif parent.type == "call_expression" and parent.child_by_field_name("function") == node:
                yield from _call(parent, source, is_import=node.type == "import")
    if b"<reference" in source:
        for match in _REFERENCE.finditer(source):
            written = match[2].decode("utf-8", "replace")
            module = written if written.startswith(".") else f"./{written}"
            yield RawImport(match.start(2), match.end(2), module, "", ImportKind.TYPE_ONLY)


def _statement(statement: Node, source: bytes) -> Iterator[RawImport]:
    literal = statement.child_by_field_name("source")
    equals = None if literal is not None else _child(statement, "import_require_clause")  # import x = require("y")
    if equals is not None:
        literal = equals.child_by_field_name("source")
    specifier = _specifier(literal, source)
    if specifier is None or literal is None:
        return
    is_export = statement.type == "export_statement"
    kind = ImportKind.REEXPORT if is_export else ImportKind.IMPORT
    start, end, module = specifier
    taken = False
    clause_end = literal.start_byte if equals is None else 0
    for name, name_start, name_end, type_only in _clause(source, statement.start_byte + 6, clause_end):
        taken = True
        yield RawImport(start, end, module, name, ImportKind.TYPE_ONLY if type_only else kind, name_start, name_end)
    if not taken:
        yield RawImport(start, end, module, "", kind)


def _child(node: Node, kind: str) -> Node | None:
    return next((child for child in node.named_children if child.type == kind), None)


def _clause(source: bytes, start: int, end: int) -> Iterator[tuple[str, int, int, bool]]:
    """The names between `import` or `export` and the specifier: (name, start, end, type-only).

    Names are the other file's: "default" for a default import, "*" for all of it.
    """
    tokens = [t for t in _CLAUSE_TOKEN.finditer(source, start, end) if t.group()[:2] not in (b"//", b"/*")]
    words = [t.group() for t in tokens]
    if words and words[-1] == b"from":
        del tokens[-1], words[-1]
    whole_type = bool(words) and words[0] == b"type" and len(words) > 1 and words[1] != b","
    position = 1 if whole_type else 0
    inside = False
    while position < len(words):
        word = words[position]
        if word == b"{":
            inside = True
        elif word == b"}":
            inside = False
        elif word == b"*":
            yield "*", tokens[position].start(), tokens[position].end(), whole_type
            position = _skip_alias(words, position)
        elif word != b",":
            one_type = (
                inside and word == b"type" and words[position + 1 : position + 2] not in ([b","], [b"}"], [b"as"], [])
            )
            if one_type:
                position += 1
            token = tokens[position]
            name = token.group().decode("utf-8", "replace")
            shown_start = token.start() if inside else -1
            yield name if inside else "default", shown_start, token.end() if inside else -1, whole_type or one_type
            position = _skip_alias(words, position)
        position += 1


def _skip_alias(words: list[bytes], position: int) -> int:
    return position + 2 if words[position + 1 : position + 2] == [b"as"] else position


def _call(call: Node, source: bytes, *, is_import: bool) -> Iterator[RawImport]:
    arguments = call.child_by_field_name("arguments")
    first = arguments.named_children[0] if arguments is not None and arguments.named_child_count else None
    specifier = _specifier(first, source)
    function = call.child_by_field_name("function")
    if specifier is None or not (is_import or (function is not None and function.text == b"require")):
        return
    start, end, module = specifier
    if is_import:
        kind = ImportKind.TYPE_ONLY if _in_type(call) else ImportKind.DYNAMIC
    else:
        kind = ImportKind.LAZY if _in_function(call) else ImportKind.IMPORT
    yield RawImport(start, end, module, "", kind)


def _specifier(literal: Node | None, source: bytes) -> tuple[int, int, str] | None:
    if literal is None or literal.type not in ("string", "template_string"):
        return None
    if any(child.type == "template_substitution" for child in literal.named_children):
        return None
    start, end = literal.start_byte + 1, literal.end_byte - 1
    return (start, end, source[start:end].decode("utf-8", "replace")) if start < end else None


def _in_type(node: Node) -> bool:
    """Whether `import("x")` stands where a type is expected."""
    inner, parent = node, node.parent
    while parent is not None and parent.type in ("member_expression", "call_expression"):
        inner, parent = parent, parent.parent
    kind = parent.type if parent is not None else ""
    if kind == "type_alias_declaration":
        return True
    return kind.startswith(("type_", "nested_type")) or (kind.endswith("_type") and inner.type != "statement_block")


def _in_function(node: Node) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.type in _FUNCTIONS:
            return True
        parent = parent.parent
    return False


def is_test(path: str) -> bool:
    name = split(path)[1]
    return ".test." in name or ".spec." in name or "__tests__/" in path or path.startswith(("test/", "tests/"))


_FUNCTION = Definition("function")
_CLASS = Definition("class", container=True)

ECMASCRIPT = LanguageRules(
    "typescript",
    (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"),
    extract,
    EcmaScriptResolver,
    ("package.json", "tsconfig*.json", "jsconfig*.json"),
    definitions={
        "class_declaration": _CLASS,
        "abstract_class_declaration": _CLASS,
        "interface_declaration": Definition("interface", container=True),
        "enum_declaration": Definition("enum"),
        "internal_module": Definition("namespace", container=True),
        "module": Definition("namespace", container=True),
        "function_declaration": _FUNCTION,
        "generator_function_declaration": _FUNCTION,
        "method_definition": Definition("method"),
    },
    members=frozenset({
        "public_field_definition", "field_definition", "property_signature", "method_signature", "function_signature",
        "abstract_method_signature", "lexical_declaration", "variable_declaration", "type_alias_declaration",
        "index_signature", "construct_signature", "call_signature",
    }),
    wrappers=frozenset({"export_statement", "ambient_declaration"}),
    transparent=frozenset({"expression_statement", "statement_block"}),
    identifiers=("identifier", "property_identifier", "type_identifier", "shorthand_property_identifier"),
    tests=is_test,
    changes_everything=lambda name: True,  # a package's entry point, or a path alias, need not be named by an import
)  # fmt: skip
