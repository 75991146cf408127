"""`Tree`: a parsed module, with every node's place and parent. Computed once per text, on first use."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Self, TypeVar, cast

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from codefactory.analyzers.text import Position, Span, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from libcst.metadata import CodePosition

    from codefactory.analyzers.document import Snapshot
    from codefactory.analyzers.finding import Finding

N = TypeVar("N", bound=cst.CSTNode)
T = TypeVar("T")
BOM = "\ufeff"


class Decline(Exception):  # noqa: N818  (not an error: a fixer's answer)
    """A fixer's reasoned "not here"."""


class Tree:
    """One Python text, parsed. Raises Decline when libcst cannot parse it or would not give the same text back."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.text: Text = snapshot.lines
        code = snapshot.text.removeprefix(BOM)
        self._bom = len(snapshot.text) - len(code)
        try:
            module = cst.parse_module(code)
        except (cst.ParserSyntaxError, RecursionError, ValueError) as error:
            raise Decline(f"the file does not parse: {type(error).__name__}") from error
        if module.code != code:  # a form feed before a statement is lost, for one
            raise Decline("the file cannot be parsed without loss")
        self._wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.module = module

    @cached_property
    def _ranges(self) -> dict[cst.CSTNode, Span]:
        ranges = self._wrapper.resolve(PositionProvider)

        def place(at: CodePosition) -> Position:
            return Position(at.line - 1, at.column + (self._bom if at.line == 1 else 0))

        return {node: Span(place(r.start), place(r.end)) for node, r in ranges.items()}

    def line_start(self, line: int) -> Position:
        """The first place of a line: behind the byte order mark, if there is one."""
        return Position(line, self._bom if line == 0 else 0)

    @cached_property
    def _parents(self) -> dict[cst.CSTNode, cst.CSTNode]:
        # ParentNodeProvider gives the same in five times the time.
        parents: dict[cst.CSTNode, cst.CSTNode] = {}
        open_nodes: list[cst.CSTNode] = [self.module]
        while open_nodes:
            node = open_nodes.pop()
            for name in _field_names(type(node)):
                value: object = getattr(node, name)
                for child in cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,):
                    if isinstance(child, cst.CSTNode):
                        parents[child] = node
                        open_nodes.append(child)
        return parents

    def span(self, node: cst.CSTNode) -> Span:
        return self._ranges[node]

    def code(self, node: cst.CSTNode) -> str:
        """The node's text as written, without surrounding white space."""
        return self.text.slice(self.span(node))

    def span_with_parentheses(self, node: cst.BaseExpression) -> Span:
        """A node's own span leaves out the parentheses around it, those of a tuple too."""
        if not node.lpar:
            return self.span(node)
        return Span(self.span(node.lpar[0]).start, self.span(node.rpar[-1]).end)

    def code_with_parentheses(self, node: cst.BaseExpression) -> str:
        return self.text.slice(self.span_with_parentheses(node))

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """From the node's parent up to the module."""
        while (parent := self._parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
        """The smallest whole statement around `node`."""
        for ancestor in (node, *self.ancestors(node)):
            if isinstance(ancestor, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                return ancestor
        raise Decline("it is not inside a statement")

    def indentation(self, node: cst.CSTNode) -> str:
        """The white space before the first line of `node`'s statement."""
        line = self.text.line(self.span(self.statement(node)).start.line)
        return line[: len(line) - len(line.lstrip())]

    def all(self, kind: type[N]) -> Iterator[N]:
        """Every node of `kind`, in text order."""
        yield from self._by_kind(kind)

    def _by_kind(self, kind: type[N]) -> list[N]:
        cache: dict[type, list[cst.CSTNode]] = self.__dict__.setdefault("_kinds", {})
        if kind not in cache:
            found = [node for node in self._ranges if isinstance(node, kind)]
            cache[kind] = sorted(found, key=lambda n: _outermost_first(self._ranges[n]))
        return cache[kind]  # pyright: ignore[reportReturnType]

    def starting_in(self, kind: type[N], span: Span) -> list[N]:
        """The nodes of `kind` that start in `span` or at one of its borders, in text order."""
        nodes = self._by_kind(kind)
        first = bisect_left(nodes, span.start, key=lambda n: self._ranges[n].start)
        last = bisect_right(nodes, span.end, key=lambda n: self._ranges[n].start)
        return nodes[first:last]

    def find(self, finding: Finding, kind: type[N], where: Callable[[N], bool] = lambda _: True) -> N:
        """The node of `kind` the finding is about: the one with exactly its span, else the innermost around it, else
        the first inside its span. `where` narrows the choice. Raises Decline when there is none."""
        target = finding.span
        nodes = self._by_kind(kind)
        # What is around the target is around the last node that starts before it, or is that node.
        last = bisect_right(nodes, target.start, key=lambda n: self._ranges[n].start)
        nearest = [nodes[last - 1], *self.ancestors(nodes[last - 1])] if last else []
        around = [n for n in nearest if isinstance(n, kind) and target.end <= self._ranges[n].end]
        inside = [n for n in self.starting_in(kind, target) if self._ranges[n].end <= target.end]
        exact = [n for n in (*around, *inside) if self._ranges[n] == target]
        for node in (*exact, *around, *inside):
            if where(node):
                return node
        raise Decline("the code is not written in a form this fixer knows")

    def once(self, compute: Callable[[Self], T]) -> T:
        """`compute(self)`, made once per text: for what a fixer would ask again at every finding."""
        cache: dict[Callable[..., object], object] = self.__dict__.setdefault("_computed", {})
        if compute not in cache:
            cache[compute] = compute(self)
        return cast("T", cache[compute])


@lru_cache(maxsize=256)
def _field_names(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _outermost_first(span: Span) -> tuple[Position, int, int]:
    return span.start, -span.end.line, -span.end.column
