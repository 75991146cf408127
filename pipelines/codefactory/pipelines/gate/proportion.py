"""Disproportionate changes: too much text for what is fixed, and text that is no business of the change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codefactory.analyzers import Span
from codefactory.pipelines.verdict import Reason

from .structure import Unparsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .alignment import Hunk
    from .change import Change

BASE_LINES = 30
"""For what a change needs once: imports, a constant, a new small function."""
LINES_PER_FINDING = 12
"""Of our own fixers' edits none takes more than 6 lines a finding; a model that rewrites the statement around it, with
a guard or a `with`, takes up to 12."""
MAX_SHARE = 0.6
MIN_LINES_FOR_SHARE = 40
"""In a shorter file two repairs are soon more than half of it."""
DENSE_LINES_PER_FINDING = 3
"""A file that is full of findings may be rewritten: up to so many changed lines a finding are no rewrite for its own
sake."""

_COMMENT = {"python": "#", "shellscript": "#", "ruby": "#", "yaml": "#", "toml": "#"}
_ODD = re.compile("[\f\v\x85\u2028\u2029]")
_NEWLINE_NAMES = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}


def check(change: Change) -> Iterator[Reason]:
    yield from _size(change)
    yield from _characters(change)
    for cluster in change.alignment.clusters:
        if not change.touches_fixed(cluster):
            yield from _stray(change, cluster)


def _size(change: Change) -> Iterator[Reason]:
    hunks = change.alignment.hunks
    changed = sum(max(h.before_end - h.before_start, h.after_end - h.after_start) for h in hunks)
    findings = len({(f.span.start.line, f.code) for f in change.fixed})
    limit = BASE_LINES + LINES_PER_FINDING * findings
    total = len(change.alignment.before)
    if changed > limit:
        yield Reason(
            "disproportionate",
            f"the change touches {changed} lines for {findings} repaired finding{'s' * (findings != 1)}; at most "
            f"{limit} are in proportion. Change only what the findings need.",
        )
    elif (
        change.by_model
        and total > MIN_LINES_FOR_SHARE
        and changed > MAX_SHARE * total
        and changed > DENSE_LINES_PER_FINDING * findings
    ):
        yield Reason(
            "disproportionate",
            f"the change touches {changed} of {total} lines for {findings} repaired finding{'s' * (findings != 1)}: "
            "that is a rewrite. Change only what the findings need.",
        )


def _characters(change: Change) -> Iterator[Reason]:
    old, new = change.before.text, change.after.text
    if old.startswith("\ufeff") != new.startswith("\ufeff"):
        verb = "removes" if old.startswith("\ufeff") else "adds"
        yield Reason(
            "disproportionate", f"the change {verb} the byte order mark. Leave the file's first character as it is."
        )
    before_kinds = _newline_kinds(change.alignment.before, range(len(change.alignment.before)))
    foreign = (
        _newline_kinds(change.alignment.after, change.alignment.added) - before_kinds if before_kinds else set[str]()
    )
    if foreign or _endings_changed(change):
        kinds = " and ".join(_NEWLINE_NAMES[k] for k in sorted(foreign)) or "other"
        ours = " and ".join(_NEWLINE_NAMES[k] for k in sorted(before_kinds))
        yield Reason(
            "disproportionate",
            f"the change brings in {kinds} line endings; the file's are {ours}. Keep the line endings as they are.",
        )
    if len(_ODD.findall(old)) != len(_ODD.findall(new)) and not any(
        change.touches_fixed(c) and _odd_differs(change, c) for c in change.alignment.clusters
    ):
        yield Reason(
            "disproportionate",
            "the change adds or removes a form feed or another unusual separator. Keep white space elsewhere as it is.",
        )


def _newline_kinds(lines: Sequence[str], numbers: range | frozenset[int]) -> set[str]:
    return {ending for n in numbers if (ending := _ending(lines[n]))}


def _ending(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else line[-1:] if line[-1:] in ("\n", "\r") else ""


def _endings_changed(change: Change) -> bool:
    """Whether a line is the same but for its ending (a missing one at the end of the file is no ending)."""
    a = change.alignment
    for hunk in a.hunks:
        for i, j in zip(
            range(hunk.before_start, hunk.before_end), range(hunk.after_start, hunk.after_end), strict=False
        ):
            old, new = a.before[i], a.after[j]
            if (
                _ending(old)
                and _ending(new)
                and _ending(old) != _ending(new)
                and old.rstrip("\r\n") == new.rstrip("\r\n")
            ):
                return True
    return False


def _odd_differs(change: Change, cluster: Hunk) -> bool:
    old = "".join(change.alignment.before[cluster.before_start : cluster.before_end])
    new = "".join(change.alignment.after[cluster.after_start : cluster.after_end])
    return len(_ODD.findall(old)) != len(_ODD.findall(new))


def _stray(change: Change, cluster: Hunk) -> Iterator[Reason]:
    """An edit in which nothing was fixed may be an import or a caller that has to follow; it may not be looks alone."""
    a = change.alignment
    old, new = a.before[cluster.before_start : cluster.before_end], a.after[cluster.after_start : cluster.after_end]
    span = Span.at(cluster.after_start, 0, cluster.after_end, 0)
    where = f"line {cluster.after_start + 1}"
    if not old:
        return
    if _squeezed(old) == _squeezed(new):
        if _only_final_newline(old, new):
            return
        tabs = any("\t" in line for line in old) != any("\t" in line for line in new)
        what = "exchanges tabs and spaces" if tabs else "reformats code"
        yield Reason(
            "disproportionate",
            f"the change {what} at {where}, where nothing was to be repaired. Leave other code as it is.",
            span,
        )
    elif change.by_model and (words := _prose_changed(change, cluster)):
        yield Reason(
            "disproportionate",
            f"the change rewrites {words} at {where}, far from the findings. Leave it as it is.",
            span,
        )


def _squeezed(lines: Sequence[str]) -> str:
    """The text without white space, and with one kind of quotes."""
    return "".join("".join(lines).split()).replace("'", '"')


def _only_final_newline(old: Sequence[str], new: Sequence[str]) -> bool:
    return "".join(old).rstrip("\r\n") == "".join(new).rstrip("\r\n")


def _prose_changed(change: Change, cluster: Hunk) -> str | None:
    """ "comments" or "a docstring" when nothing but these was removed or rewritten."""
    a = change.alignment
    old = [a.before[i].strip() for i in range(cluster.before_start, cluster.before_end) if i in a.removed]
    old = [line for line in old if line]
    marker = _COMMENT.get(change.before.language, "//")
    if not old:
        return None
    if all(line.startswith(marker) for line in old):
        return "comments"
    lines = {i for i in range(cluster.before_start, cluster.before_end) if i in a.removed and a.before[i].strip()}
    return "a docstring" if lines <= _docstring_lines(change) else None


def _docstring_lines(change: Change) -> set[int]:
    import ast

    if change.trees is None or isinstance(change.trees[0], Unparsed):
        return set()
    tree = change.trees[0]
    found: set[int] = set()
    bodies = [tree.body] + [
        node.body for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    for body in bodies:
        first = body[0] if body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            found.update(range(first.lineno - 1, first.end_lineno or first.lineno))
    return found
