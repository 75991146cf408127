"""Deletion and silencing in languages other than Python, and in Python that did not parse: counts of syntax nodes.

Coarser than the Python checks: definitions must keep their names, calls that vanish need as many new ones in their
place, and empty handlers, dead branches and empty bodies may not become more.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codefactory.analyzers.syntax import parser_for
from codefactory.pipelines.verdict import Reason

from .structure import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from codefactory.analyzers import Snapshot

    from .change import Change

_DEFINITION = re.compile(
    r"(function|method|class|struct|interface|enum|trait|constructor)\w*_(declaration|definition|item|specifier)|method|class"
)
_CALL = re.compile(
    r"call|call_expression|method_invocation|invocation_expression|new_expression|object_creation_expression|command|macro_invocation"
)
_DEAD = re.compile(r"\bif\s*\(?\s*(?:false|0|nil|null|undefined)\s*\)?|\bwhile\s*\(\s*(?:false|0)\s*\)", re.IGNORECASE)
_INERT = re.compile(r"(console|log|logger|logging|fmt|System\.out|System\.err)\.\w+|print\w*|puts|echo|printf")


@dataclass
class Counts:
    definitions: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    empty_bodies: Counter[str] = field(default_factory=Counter[str])
    empty_handlers: int = 0
    exits_before_code: int = 0


def check(change: Change) -> Iterator[Reason]:
    old, new = count(change.before), count(change.after)
    if old is None or new is None:
        if change.by_model:
            yield Reason(
                "not-checked",
                f"what a change deletes cannot be checked in {change.before.language} here: the file is larger than "
                f"{MAX_BYTES // 1_000_000} MB, or there is no grammar for the language.",
            )
        return
    for name in sorted((old.definitions - new.definitions).keys()):
        yield Reason("deleted", f"`{name}` is gone. Keep it, and repair what is in it.")
    for name in sorted((new.empty_bodies - old.empty_bodies).keys() & old.definitions.keys()):
        yield Reason("silenced", f"the body of `{name}` is gone. Keep what it did.")
    if new.empty_handlers > old.empty_handlers:
        yield Reason("silenced", "errors are swallowed by an empty handler. Handle or log them, or let them out.")
    if new.exits_before_code > old.exits_before_code:
        yield Reason(
            "silenced", "code behind an unconditional exit can never run. Repair the code instead of jumping over it."
        )
    added = "".join(change.alignment.after[j] for j in sorted(change.alignment.added))
    removed = "".join(change.alignment.before[i] for i in sorted(change.alignment.removed))
    if len(_DEAD.findall(added)) > len(_DEAD.findall(removed)):
        yield Reason("silenced", "a branch with a constant condition never runs. Repair the code instead.")
    if old.definitions - new.definitions:
        return
    gone, fresh = old.calls - new.calls, new.calls - old.calls
    useful = sum(n for name, n in fresh.items() if not _INERT.fullmatch(name))
    if gone and not useful:
        name = next(iter(sorted(gone)))
        yield Reason(
            "deleted",
            f"the call of `{name}` is gone, and nothing takes its place. Keep what the code did, in a safe form.",
        )


def count(snapshot: Snapshot) -> Counts | None:
    """None where there is no grammar, or too much text."""
    source = snapshot.utf8
    if len(source) > MAX_BYTES:
        return None
    try:
        parser = parser_for(snapshot.language)
    except ImportError:
        return None
    if parser is None:
        return None
    counts = Counts()
    stack = [parser.parse(source).root_node]
    while stack:
        node = stack.pop()
        _count_node(node, source, counts)
        stack.extend(node.named_children)
    return counts


def _count_node(node: Node, source: bytes, counts: Counts) -> None:
    kind = node.type
    if _DEFINITION.fullmatch(kind):
        name = _named(node, source)
        body = node.child_by_field_name("body")
        if name:
            counts.definitions[name] += 1
            if body is not None and not _code_in(body):
                counts.empty_bodies[name] += 1
    elif _CALL.fullmatch(kind):
        counts.calls[_callee(node, source)] += 1
    elif kind in ("catch_clause", "except_clause", "rescue"):
        body = node.child_by_field_name("body") or next((c for c in node.named_children if "block" in c.type), None)
        if body is None or not _code_in(body):
            counts.empty_handlers += 1
    elif kind in ("return_statement", "throw_statement", "break_statement", "continue_statement"):
        following = node.next_named_sibling
        while following is not None and (following.type.endswith("comment") or "case" in following.type):
            following = following.next_named_sibling
        if following is not None and node.parent is not None and "block" in node.parent.type:
            counts.exits_before_code += 1


def _named(node: Node, source: bytes) -> str:
    name = node.child_by_field_name("name") or node.child_by_field_name("declarator")
    while name is not None and (inner := name.child_by_field_name("declarator")) is not None:
        name = inner
    return _text(name, source) if name is not None else ""


def _callee(node: Node, source: bytes) -> str:
    """The called name; for a method on another call's result only the method, so that a changed receiver is no loss."""
    name = (
        node.child_by_field_name("function") or node.child_by_field_name("name") or node.child_by_field_name("method")
    )
    text = _text(name or node, source)
    return text if re.fullmatch(r"[\w.:]+", text) else re.split(r"[.:]", text)[-1][:80]


def _code_in(body: Node) -> bool:
    return any(not c.type.endswith("comment") and c.type != "pass_statement" for c in body.named_children)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
