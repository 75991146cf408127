"""What a file defines, what it refers to, and its outline: the file as its skeleton."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.analyzers.document import language_of
from codefactory.analyzers.syntax import ByteSpans, load_language, parser_for
from codefactory.analyzers.text import Span, Text

from .languages import rules_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

    from .rules import Definition, LanguageRules

MAX_SIGNATURE = 400
"""Characters of a signature that an outline shows."""
MAX_MEMBER = 120
MAX_SYMBOLS = 5_000
MAX_DEPTH = 4
"""Of containers in containers."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition, or a field, constant or the like (`what` is "member", and its name may be empty)."""

    name: str
    what: str
    span: Span
    """Of the whole definition, decorators included."""
    name_span: Span | None
    signature: str
    """Its text up to the body, as it stands in the file, the first line's indentation included."""
    container: str
    """Names of the definitions around it, with dots; empty at the top."""
    elision: str
    """What stands for the body in an outline; empty when there is none, or its contents follow."""

    @property
    def qualified_name(self) -> str:
        return f"{self.container}.{self.name}" if self.container else self.name


def symbols(path: str, text: str) -> tuple[Symbol, ...]:
    """The definitions in a text, in its order. Empty for a language that has no graph."""
    rules = rules_for(path)
    parsed = _parse(path, text)
    if rules is None or parsed is None:
        return ()
    tree, source = parsed
    reader = _Reader(rules, Text(source.decode("utf-8", "replace")), source)
    return tuple(reader.symbols(tree.root_node))


def references(path: str, text: str, spans: tuple[Span, ...] = ()) -> Counter[str]:
    """How often each identifier occurs; only those that touch one of `spans`, if any are given."""
    from tree_sitter import Query, QueryCursor

    rules = rules_for(path)
    parsed = _parse(path, text)
    if rules is None or parsed is None:
        return Counter()
    tree, source = parsed
    language = load_language(language_of(path))
    if language is None:
        return Counter()
    query = Query(language, " ".join(f"({kind}) @name" for kind in rules.identifiers))
    nodes = QueryCursor(query).captures(tree.root_node).get("name", [])
    if spans:
        place = ByteSpans(source, Text(source.decode("utf-8", "replace")))
        nodes = [node for node in nodes if any(place.span(node).touches(span) for span in spans)]
    return Counter(source[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in nodes)


def outline(path: str, text: str, *, members: bool = True, nested: bool = True) -> str:
    """The file as its skeleton: signatures in order, bodies left out. Each line stands as in the file."""
    return render_outline(symbols(path, text), members=members, nested=nested)


def render_outline(found: tuple[Symbol, ...], *, members: bool = True, nested: bool = True) -> str:
    shown = [
        symbol.signature + symbol.elision
        for symbol in found
        if (members or symbol.what != "member") and (nested or not symbol.container)
    ]
    return "".join(line + "\n" for line in shown)


def _parse(path: str, text: str) -> tuple[Tree, bytes] | None:
    parser = parser_for(language_of(path))
    if parser is None:
        return None
    source = text.encode("utf-8", "replace")
    return parser.parse(source), source


class _Reader:
    def __init__(self, rules: LanguageRules, text: Text, source: bytes) -> None:
        self._rules = rules
        self._text = text
        self._source = source
        self._spans = ByteSpans(source, text)

    def symbols(self, root: Node) -> Iterator[Symbol]:
        rules = self._rules
        count = 0
        pending: list[tuple[Node, str, int]] = [(node, "", 0) for node in reversed(root.named_children)]
        while pending and count < MAX_SYMBOLS:
            outer, container, depth = pending.pop()
            node = self._unwrapped(outer)
            definition = rules.definitions.get(node.type)
            if definition is not None:
                name = node.child_by_field_name(definition.name)
                body = node.child_by_field_name(definition.body)
                symbol = self._definition(outer, definition, name, body, container)
                count += 1
                yield symbol
                if body is not None and definition.container and depth < MAX_DEPTH:
                    inside = symbol.qualified_name
                    pending += [(child, inside, depth + 1) for child in reversed(body.named_children)]
            elif node.type in rules.members:
                count += 1
                yield self._member(outer, node, container)
            elif node.type in rules.transparent and depth < 4 * MAX_DEPTH:
                pending += [(child, container, depth + 1) for child in reversed(node.named_children)]

    def _unwrapped(self, node: Node) -> Node:
        for _ in range(MAX_DEPTH):
            if node.type not in self._rules.wrappers:
                break
            known = self._rules.definitions.keys() | self._rules.members | self._rules.wrappers
            inner = next((child for child in node.named_children if child.type in known), None)
            if inner is None:
                break
            node = inner
        return node

    def _definition(
        self, outer: Node, definition: Definition, name: Node | None, body: Node | None, container: str
    ) -> Symbol:
        end = body.start_byte if body is not None else outer.end_byte
        elision = "" if body is None or definition.container else self._rules.elision
        signature = self._lines(outer, end, MAX_SIGNATURE).rstrip().rstrip("{").rstrip()
        return Symbol(
            self._name(name),
            definition.what,
            self._spans.span(outer),
            self._spans.span(name) if name is not None else None,
            signature,
            container,
            elision,
        )

    def _member(self, outer: Node, node: Node, container: str) -> Symbol:
        name = node.child_by_field_name("name") or node.child_by_field_name("left")
        if name is None:
            for child in node.named_children[:4]:
                name = name or child.child_by_field_name("name")
        line = self._lines(outer, outer.end_byte, MAX_MEMBER).split("\n")[0].rstrip("\r")
        span, name_span = self._spans.span(outer), self._spans.span(name) if name is not None else None
        elision = " …" if b"\n" in self._source[outer.start_byte : outer.end_byte] else ""
        return Symbol(self._name(name), "member", span, name_span, line, container, elision)

    def _name(self, node: Node | None) -> str:
        text = node.text if node is not None else None
        return text.decode("utf-8", "replace")[:200] if text else ""

    def _line_start(self, byte: int) -> int:
        return self._source.rfind(b"\n", 0, byte) + 1

    def _lines(self, node: Node, end_byte: int, limit: int) -> str:
        """From the node's start, with the blanks before it on its line, up to `end_byte`; at most `limit` long."""
        start = node.start_byte
        line_start = self._line_start(start)
        if not self._source[line_start:start].strip():
            start = line_start
        text = self._source[start : min(end_byte, start + 4 * limit)].decode("utf-8", "ignore")
        return text if len(text) <= limit else text[:limit] + "…"
