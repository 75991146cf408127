"""`pack_context`: what a model is shown of the files around the one in question, within a budget of tokens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from codefactory.analyzers.text import Position, Span, Text

from .index import split
from .languages import rules_for
from .ranking import rank
from .secrets import has_private_key, is_secret_file, redact
from .symbols import Symbol, references, render_outline, symbols

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from codefactory.analyzers.document import Snapshot
    from codefactory.analyzers.finding import Finding

    from .graph import DependencyGraph
    from .ranking import Ranked

MAX_FILES = 20
MAX_FILE_BYTES = 512 << 10
NO_ROOM = "the budget has no room for it"
_MIN_TOKENS = 24
"""Less than this says nothing."""
_MIN_SHARE = 0.01
"""Of the first file's score: what is below is noise."""
_LONG_OUTLINE = 300
"""Tokens beyond which an outline goes into detail only where the names in use are defined."""

Kind = Literal["outline", "excerpt", "whole"]


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One related file, as it would be sent."""

    path: str
    text: str
    kind: Kind
    reason: str
    tokens: int
    """Estimated, path and reason included."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A related file that is not sent, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class ContextPack:
    """Related files, most important first. The same graph, snapshot and findings give the same pack."""

    files: tuple[ContextFile, ...]
    budget_tokens: int
    used_tokens: int
    left_out: tuple[LeftOut, ...] = ()

    def render(self) -> str:
        """All of it as one text, the form whose tokens were counted."""
        return "".join(_render(f.path, f.reason, f.text) for f in self.files)


def pack_context(
    graph: DependencyGraph,
    snapshot: Snapshot,
    findings: Sequence[Finding] = (),
    budget_tokens: int = 4000,
    *,
    selection: Span | None = None,
    request: str = "",
    recency: Mapping[str, float] | None = None,
) -> ContextPack:
    """The files that matter for `snapshot`, without the snapshot itself.

    Names in the lines of `findings`, in `selection` and in `request` (a person's words) count most. `recency` gives
    paths a weight from 0 to 1, as `git_recency` does. Files come from the graph, so what git ignores is not among
    them; secrets are left out or redacted. Empty for a document outside the graph.
    """
    path = graph.locate(snapshot)
    if path is None or path not in graph or budget_tokens < _MIN_TOKENS:
        return ContextPack((), budget_tokens, 0)
    used = references(path, snapshot.text)
    focus = _focus(path, snapshot, findings, selection, request, used)
    ranked = rank(graph, path, used, focus, recency)
    left = budget_tokens
    files: list[ContextFile] = []
    left_out: list[LeftOut] = []
    for item in ranked:
        full = left < _MIN_TOKENS or len(files) == MAX_FILES or len(left_out) > MAX_FILES
        if full or item.score < _MIN_SHARE * ranked[0].score:
            break
        room = min(left, max(budget_tokens // 3, 4 * _MIN_TOKENS))
        made = _context_file(graph, item, focus, room)
        if isinstance(made, LeftOut):
            left_out.append(made)
        else:
            files.append(made)
            left -= made.tokens
    return ContextPack(tuple(files), budget_tokens, budget_tokens - left, tuple(left_out))


def estimate_tokens(text: str) -> int:
    """At most what a tokenizer of today makes of code: a token for each three UTF-8 bytes, rounded up."""
    return (len(text.encode("utf-8", "replace")) + 2) // 3


def _focus(
    path: str, snapshot: Snapshot, findings: Sequence[Finding], selection: Span | None, request: str, used: Counter[str]
) -> Counter[str]:
    """Identifiers in the code in question, and those that the request mentions."""
    spans = [_whole_lines(f.span) for f in findings]
    if selection is not None:
        spans.append(selection)
    found = references(path, snapshot.text, tuple(spans)) if spans else Counter[str]()
    words = {"".join(c if c.isalnum() or c == "_" else " " for c in word) for word in request.split()}
    for name in {part for word in words for part in word.split()} & used.keys():
        found[name] += 1
    return found


def _whole_lines(span: Span) -> Span:
    return Span(Position(span.start.line, 0), Position(span.end.line, 1_000_000))


def _context_file(graph: DependencyGraph, item: Ranked, focus: Counter[str], room: int) -> ContextFile | LeftOut:
    if is_secret_file(item.path):
        return LeftOut(item.path, "it is a file of secrets")
    try:
        content = graph.read(item.path)
    except OSError as error:
        return LeftOut(item.path, f"it cannot be read ({error.strerror})")
    if len(content) > MAX_FILE_BYTES:
        return LeftOut(item.path, f"it is larger than {MAX_FILE_BYTES >> 10} KB")
    text = content.decode("utf-8", "replace")
    if has_private_key(text):
        return LeftOut(item.path, "it contains a private key")
    whole = redact(text)
    if _cost(item, whole) <= min(room, 400):
        return _file(item, whole, "whole")
    found = symbols(item.path, text)
    wanted = _wanted(found, item.names, focus)
    for kind, rendered in _forms(found, wanted, item.names, Text(text)):
        rendered = redact(rendered)
        if rendered and _cost(item, rendered) <= room:
            return _file(item, rendered, kind)
    rendered = _cut(redact(render_outline(found, members=False, nested=False)), room - _cost(item, ""))
    if not rendered:
        return LeftOut(item.path, NO_ROOM)
    return _file(item, rendered, "outline")


def _forms(
    found: tuple[Symbol, ...], wanted: frozenset[Symbol], names: frozenset[str], text: Text
) -> Iterable[tuple[Kind, str]]:
    """From much to little: what is used in full and the rest as outline, then less and less."""
    if wanted:
        yield "excerpt", _excerpt(found, wanted, text, outline_rest=True)
        yield "excerpt", _excerpt(found, wanted, text, outline_rest=False)
    complete = render_outline(found)
    if estimate_tokens(complete) > _LONG_OUTLINE and any(s.name in names for s in found):
        yield "outline", render_outline(tuple(s for s in found if _is_needed(s, names)))
    yield "outline", complete
    yield "outline", render_outline(found, members=False)
    yield "outline", render_outline(found, members=False, nested=False)


def _is_needed(symbol: Symbol, names: frozenset[str]) -> bool:
    """What is inside a definition is needed only with that definition, and so is a constant."""
    if symbol.what == "member" or symbol.container:
        return symbol.name in names or symbol.container.partition(".")[0] in names
    return True


def _wanted(found: tuple[Symbol, ...], names: frozenset[str], focus: Counter[str]) -> frozenset[Symbol]:
    """The definitions to show in full: those in focus that are imported by name, else methods in focus."""
    top = frozenset(s for s in found if not s.container and s.name in names and focus[s.name])
    inside = frozenset(s for s in found if s.container and focus[s.name] and s.what != "member" and len(s.name) > 2)
    classes = {s.name for s in top if s.what != "function"}
    precise = frozenset(s for s in inside if s.container in classes)
    return precise | frozenset(s for s in top if not any(p.container == s.name for p in precise))


def _excerpt(found: tuple[Symbol, ...], wanted: frozenset[Symbol], text: Text, *, outline_rest: bool) -> str:
    parts: list[str] = []
    shown_to = Position(0, 0)
    parents = {s.container for s in wanted}
    for symbol in found:
        if symbol.span.start < shown_to:
            continue
        if symbol in wanted:
            start = Position(symbol.span.start.line, 0)
            parts.append(text.slice(Span(start, symbol.span.end)) + "\n")
            shown_to = symbol.span.end
        elif outline_rest or symbol.qualified_name in parents:
            parts.append(symbol.signature + symbol.elision + "\n")
    return "".join(parts)


def _cut(text: str, tokens: int) -> str:
    """As many whole lines as fit."""
    if estimate_tokens(text) <= tokens:
        return text
    lines = text.splitlines(keepends=True)
    while lines and estimate_tokens("".join(lines)) + 2 > tokens:
        del lines[max(1, len(lines) * 9 // 10) if len(lines) > 1 else 0 :]
    return "".join([*lines, "…\n"]) if lines else ""


def _cost(item: Ranked, text: str) -> int:
    return estimate_tokens(_render(item.path, item.reason, text))


def _file(item: Ranked, text: str, kind: Kind) -> ContextFile:
    return ContextFile(item.path, text, kind, item.reason, _cost(item, text))


def _render(path: str, reason: str, text: str) -> str:
    rules = rules_for(path)
    fence = "`" * max(3, _longest_run(text) + 1)
    ending = "" if text.endswith("\n") or not text else "\n"
    return f"{path} ({reason or 'related'})\n{fence}{rules.name if rules else split(path)[1]}\n{text}{ending}{fence}\n"


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text if "`" in text else "":
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
