"""Where a text does not parse, by tree-sitter: for every language whose grammar is installed."""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .finding import Analysis, Confidence, Finding, Problem, Severity, fingerprinted
from .text import Position, Span, Text, units_to_columns

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser

    from .document import Snapshot

NAME = "syntax"


class Grammar(NamedTuple):
    """Where a grammar comes from: a distribution's module and the function in it."""

    module: str
    function: str = "language"


GRAMMARS: dict[str, Grammar] = {
    "python": Grammar("tree_sitter_python"),
    "javascript": Grammar("tree_sitter_javascript"),
    "javascriptreact": Grammar("tree_sitter_javascript"),
    "typescript": Grammar("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": Grammar("tree_sitter_typescript", "language_tsx"),
    "java": Grammar("tree_sitter_java"),
    "go": Grammar("tree_sitter_go"),
    "rust": Grammar("tree_sitter_rust"),
    "c": Grammar("tree_sitter_c"),
    "cpp": Grammar("tree_sitter_cpp"),
    "ruby": Grammar("tree_sitter_ruby"),
    "shellscript": Grammar("tree_sitter_bash"),
    "css": Grammar("tree_sitter_css"),
    "html": Grammar("tree_sitter_html"),
    "json": Grammar("tree_sitter_json"),
    "toml": Grammar("tree_sitter_toml"),
    "yaml": Grammar("tree_sitter_yaml"),
}
"""LSP language id → grammar. A new language is one line here and one dependency."""

LANGUAGES = frozenset(GRAMMARS)
MAX_FINDINGS = 50
"""A file of another language would otherwise give an error a line."""


def analyze(snapshot: Snapshot) -> Analysis:
    """One finding per error node and per missing token, the first `MAX_FINDINGS` of them."""
    try:
        parser = parser_for(snapshot.language)
    except ImportError as error:
        message = f"The grammar for {snapshot.language} cannot be loaded ({error}), so its syntax was not checked."
        return Analysis(problems=(Problem(NAME, "missing", message),))
    if parser is None:
        message = f"There is no grammar for the language {snapshot.language!r}, so its syntax was not checked."
        return Analysis(problems=(Problem(NAME, "unsupported", message),))
    # tree-sitter knows no lone \r as a line end; the replacement has the same length.
    source = re.sub(rb"\r(?!\n)", b"\n", snapshot.utf8)
    tree = parser.parse(source)
    findings: list[Finding] = []
    if tree.root_node.has_error:
        bytes_to_span = ByteSpans(source, snapshot.lines)
        findings = [_finding(node, bytes_to_span) for node in _errors(tree.root_node)]
    return Analysis(fingerprinted(findings, snapshot.lines), analyzers=(f"syntax ({snapshot.language})",))


def parser_for(language: str) -> Parser | None:
    """A new parser, since parsers are not thread-safe; None for a language without grammar. Raises ImportError."""
    from tree_sitter import Parser

    loaded = load_language(language)
    return Parser(loaded) if loaded else None


@lru_cache(maxsize=64)
def load_language(language: str) -> Language | None:
    grammar = GRAMMARS.get(language)
    if grammar is None:
        return None
    from tree_sitter import Language

    pointer: object = getattr(importlib.import_module(grammar.module), grammar.function)()
    return Language(pointer)


class ByteSpans:
    """Turns tree-sitter's UTF-8 byte offsets into spans. tree-sitter counts only ``\\n`` as a line end, so its own
    points are not used."""

    def __init__(self, source: bytes, text: Text) -> None:
        self._text = text
        self._ascii = len(source) == len(text.value)
        self._line_starts = () if self._ascii else _byte_line_starts(text)

    def position(self, byte: int) -> Position:
        if self._ascii:
            return self._text.position(byte)
        line = bisect_right(self._line_starts, byte) - 1
        return Position(line, units_to_columns(self._text.line(line), byte - self._line_starts[line], "utf-8"))

    def span(self, node: Node) -> Span:
        return Span(self.position(node.start_byte), self.position(node.end_byte))


def _byte_line_starts(text: Text) -> tuple[int, ...]:
    starts = [0]
    for start, end in pairwise(text.line_starts):
        starts.append(starts[-1] + len(text.value[start:end].encode("utf-8", "surrogatepass")))
    return tuple(starts)


def _errors(root: Node) -> list[Node]:
    """Error and missing nodes in text order, without those inside another error. Iterative: nesting may be deep."""
    found: list[Node] = []
    stack = [root]
    while stack and len(found) < MAX_FINDINGS:
        node = stack.pop()
        if node.is_error or node.is_missing:
            found.append(node)
        elif node.has_error:
            stack.extend(reversed(node.children))
    return found


def _finding(node: Node, spans: ByteSpans) -> Finding:
    span = spans.span(node)
    if node.is_missing:
        code, message = "missing-token", f"Syntax error: {node.type} is missing here"
    else:
        code, message = "syntax-error", "Syntax error: this does not parse"
    return Finding(NAME, code, message, span, Severity.HIGH, Confidence.HIGH)
