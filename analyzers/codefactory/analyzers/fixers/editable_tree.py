"""`EditableTree`: the edits that fixers make, as the smallest changes of the text."""

from __future__ import annotations

import libcst as cst

from codefactory.analyzers.text import Position, Span, TextEdit

from .nodes import argument
from .scoped_tree import ScopedTree


class EditableTree(ScopedTree):
    """All edits are in coordinates of the text as it was parsed."""

    def replace(self, node: cst.CSTNode, code: str | cst.CSTNode) -> TextEdit:
        """Put `code` where `node` is. Parentheses around the node stay unless they belong to it."""
        new = code if isinstance(code, str) else self.module.code_for_node(code)
        return TextEdit(self.span(node), new)

    def insert(self, position: Position, code: str) -> TextEdit:
        return TextEdit(Span(position, position), code)

    def add_argument(self, call: cst.Call, code: str) -> TextEdit:
        """Insert a last argument: `f(a)` → `f(a, code)`; a trailing comma or a `**kwargs` is respected."""
        if not call.args:
            # Right after the opening parenthesis, wherever white space and comments have put it.
            end = self.text.offset(self.span(call).end) - 1
            return self.insert(self.text.position(end), code)
        last = call.args[-1]
        span = self.span(last)
        if last.star == "**":
            return self.insert(span.start, f"{code}, ")
        if isinstance(last.value, cst.GeneratorExp) and not last.value.lpar:
            return TextEdit(span, f"({self.text.slice(span)}), {code}")
        line = self.text.line(span.start.line)
        before, behind = line[: span.start.column], self.text.line(span.end.line)[span.end.column :]
        if len(call.args) > 1 and not before.strip() and behind.strip() in ("", ","):
            return self.insert(span.end, f",{self.text.newline}{before}{code}")  # one argument a line, as the others
        return self.insert(span.end, f", {code}")

    def set_argument(self, call: cst.Call, keyword: str, code: str) -> TextEdit:
        """Give a keyword argument a value: replaced where it is given, added where it is not."""
        given = argument(call, keyword)
        return self.replace(given.value, code) if given else self.add_argument(call, f"{keyword}={code}")

    def remove_argument(self, call: cst.Call, arg: cst.Arg) -> TextEdit:
        """Remove one argument together with the comma that separated it."""
        index = list(call.args).index(arg)
        start, end = self.span(arg).start, self.span(arg).end
        if index + 1 < len(call.args):
            end = self.span(call.args[index + 1]).start
        elif index > 0:
            start = self.span(call.args[index - 1]).end
        return TextEdit(Span(start, end), "")

    def remove_statement(self, statement: cst.SimpleStatementLine) -> TextEdit:
        """Remove a statement's whole lines, its own trailing comment included."""
        span = self.span(statement)
        first, last = span.start.line, span.end.line
        return TextEdit(Span(self.line_start(first), Position(last + 1, 0)), "")

    def add_below(self, statement: cst.SimpleStatementLine, code: str) -> TextEdit:
        """Insert one line of code, indented alike, after the line a statement ends on."""
        return self.insert_after(statement, f"{self.indentation(statement)}{code}{self.text.newline}")

    def insert_after(self, statement: cst.CSTNode, code: str) -> TextEdit:
        line = self.span(statement).end.line
        if line + 1 < self.text.line_count:
            return self.insert(Position(line + 1, 0), code)
        return self.insert(self.text.end, self.text.newline + code.removesuffix(self.text.newline))
