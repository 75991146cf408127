"""Whole functions, classes and files as replies: for models that cannot write edits."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codefactory.analyzers.text import Text

from .reply import Applied, NotApplied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .reply import Reply

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_LEAST_SHARED = 0.5
"""The part of a file's lines that must be in a reply which claims to be the whole file."""
_SOURCE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


def apply_code(text: str, reply: Reply, elided: Callable[[str, str], str | None]) -> Applied | NotApplied:
    """Replace the file, or the definitions of the same names, by the code in the reply."""
    try:
        tree = ast.parse(text)
    except _SOURCE_ERRORS:
        return NotApplied("Code alone cannot be placed in this file. Write SEARCH/REPLACE blocks.")
    problems = list(reply.problems)
    pieces: list[tuple[int, str]] = []
    for number, code in enumerate(reply.code, start=1):
        if _is_quotation(code, text) and not (len(reply.code) == 1 and _is_whole_file(text, tree, code)):
            continue
        if line := elided(text, code):
            problems.append(f"The code leaves something out (`{line[:80]}`). Write all lines of the function.")
        else:
            pieces.append((number, code))
    if len(pieces) == 1 and _is_whole_file(text, tree, pieces[0][1]):
        newline = Text(text).newline
        return Applied(newline.join(pieces[0][1].split("\n")), (pieces[0][0],), tuple(problems))
    used: list[int] = []
    edits: list[_Edit] = []
    for number, code in pieces:
        found = _replacements(text, tree, code)
        if isinstance(found, str):
            problems.append(found)
        elif any(a.start < b.end and b.start < a.end for a in found for b in edits if not a.is_import):
            problems.append("The reply holds two versions of the same function. Write only the one that is meant.")
        else:
            edits += (e for e in found if e not in edits)
            used.append(number)
    if not used:
        return NotApplied(" ".join(dict.fromkeys(problems)) or "The reply repeats the code as it is.")
    return Applied(_edited(text, edits), tuple(used), tuple(problems))


@dataclass(frozen=True)
class _Edit:
    """Replace the lines from `start` up to, not including, `end` (0-based) by `lines`."""

    start: int
    end: int
    lines: tuple[str, ...]
    is_import: bool = False


def _edited(text: str, edits: list[_Edit]) -> str:
    whole = Text(text)
    starts = whole.line_starts
    newline = whole.newline
    pieces: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        start = starts[edit.start] if edit.start < len(starts) else len(text)
        end = starts[edit.end] if edit.end < len(starts) else len(text)
        before = text[at:start]
        glue = newline if (before or at) and edit.start >= len(starts) else ""
        pieces += (before, glue, "".join(line + newline for line in edit.lines))
        at = end
    return "".join((*pieces, text[at:]))


def _is_whole_file(text: str, tree: ast.Module, code: str) -> bool:
    """Plausible when it parses, has all top-level names, imports if there were any, and most of the old lines."""
    try:
        new = ast.parse(code)
    except _SOURCE_ERRORS:
        return False
    if not set(_names(tree)) <= set(_names(new)):
        return False
    if _has_imports(tree) and not _has_imports(new):
        return False
    old_lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    new_lines = {line.strip() for line in code.split("\n")}
    return bool(old_lines) and sum(line in new_lines for line in old_lines) >= _LEAST_SHARED * len(old_lines)


def _names(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and variables defined at the top level; not what is imported."""
    for node in tree.body:
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def _has_imports(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)


def _replacements(text: str, tree: ast.Module, code: str) -> list[_Edit] | str:
    """Edits that put the definitions of `code` in the place of those in `tree`, or what is wrong."""
    parsed = _parse_piece(code)
    if parsed is None:
        return "The code in the reply does not parse. Write it completely, with its indentation."
    new, lines = parsed
    where = _definitions(tree)
    edits: list[_Edit] = []
    for node in new.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            edits += _import_edit(tree, node)
        elif isinstance(node, Definition):
            found = _definition_edits(text, where, node, lines)
            if isinstance(found, str):
                return found
            edits += found
        elif not _is_string(node):
            return (
                "The reply holds other statements beside functions, and where they belong is not clear. "
                "Write SEARCH/REPLACE blocks."
            )
    return edits if any(not e.is_import for e in edits) else "The code in the reply defines no function of this file."


def _definition_edits(
    text: str, where: dict[str, list[Definition]], node: Definition, lines: list[str], inside: str = ""
) -> list[_Edit] | str:
    name = f"{inside}.{node.name}" if inside else node.name
    old = where.get(name) or [d for key, nodes in where.items() if key.endswith("." + name) for d in nodes]
    if len(old) != 1:
        what = "is not in the file" if not old else "is there more than once"
        return f"`{name}` {what}, so it is not clear what to replace. Write SEARCH/REPLACE blocks."
    (target,) = old
    if isinstance(node, ast.ClassDef) != isinstance(target, ast.ClassDef):
        return f"`{name}` is not the same kind of definition in the file. Write SEARCH/REPLACE blocks."
    if (
        isinstance(node, ast.ClassDef)
        and isinstance(target, ast.ClassDef)
        and (partial := _missing_members(target, node))
    ):
        if any(not isinstance(member, Definition) and not _is_string(member) for member in node.body):
            return f"`{name}` lacks {', '.join(partial)}. Write the whole class, or only the method that changes."
        edits: list[_Edit] = []
        for member in node.body:
            if isinstance(member, Definition):
                found = _definition_edits(text, where, member, lines, name)
                if isinstance(found, str):
                    return found
                edits += found
        return edits
    return [_swap(text, target, node, lines)]


def _swap(text: str, old: Definition, new: Definition, lines: list[str]) -> _Edit:
    """The old definition's lines by the new one's, at the old one's indentation. Decorators that the reply leaves out
    stay: a model that shows a function often forgets them."""
    keep_decorators = not new.decorator_list
    start = old.lineno if keep_decorators else _first_line(old)
    first = _first_line(new)
    body = lines[first - 1 : new.end_lineno]
    old_line = Text(text).line(old.lineno - 1)
    wanted = old_line[: len(old_line) - len(old_line.lstrip())]
    return _Edit(start - 1, old.end_lineno or start, tuple(_reindented(body, wanted, _literal_lines(new, first))))


def _reindented(lines: list[str], wanted: str, literal: frozenset[int]) -> list[str]:
    """`lines` moved to the indentation `wanted`; those inside of a string that is no docstring stay as they are."""
    have = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    if "\t" in wanted and "\t" not in "".join(line[:1] for line in lines):
        lines = [line if i in literal else _with_tabs(line, len(have)) for i, line in enumerate(lines)]
        have = ""
    out: list[str] = []
    for i, line in enumerate(lines):
        if i in literal or not line.strip():
            out.append(line)
        else:
            out.append(wanted + (line[len(have) :] if line.startswith(have) else line.lstrip()))
    return out


def _with_tabs(line: str, outer: int) -> str:
    tabs, rest = divmod(max(0, len(line) - len(line.lstrip(" ")) - outer), 4)
    return "\t" * tabs + " " * rest + line.lstrip(" ")


def _literal_lines(node: Definition, first: int) -> frozenset[int]:
    """Lines, counted from the definition's first, that begin inside of a string which is no docstring."""
    docstrings = {
        id(d.body[0].value) for d in ast.walk(node) if isinstance(d, Definition) and isinstance(d.body[0], ast.Expr)
    }
    return frozenset(
        line - first
        for part in ast.walk(node)
        if isinstance(part, ast.Constant | ast.JoinedStr) and id(part) not in docstrings
        for line in range(part.lineno + 1, (part.end_lineno or part.lineno) + 1)
    )


def _parse_piece(code: str) -> tuple[ast.Module, list[str]] | None:
    """The tree of `code`, which may be indented as a whole, and its lines as the tree counts them."""
    lines = code.split("\n")
    first = next((line for line in lines if line.strip()), "")
    indented = first[:1] in {" ", "\t"}
    if indented:
        lines = ["if True:", *lines]
    try:
        tree = ast.parse("\n".join(lines))
    except _SOURCE_ERRORS:
        return None
    if indented and isinstance(tree.body[0], ast.If):
        tree = ast.Module(tree.body[0].body, [])
    return tree, lines


def _definitions(tree: ast.Module) -> dict[str, list[Definition]]:
    """Definitions by qualified name, without "<locals>": "f", "C", "C.method", "f.inner"."""
    found: dict[str, list[Definition]] = {}
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Definition):
                found.setdefault(prefix + child.name, []).append(child)
                waiting.append((child, f"{prefix}{child.name}."))
            elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                waiting.append((child, prefix))
    return found


def _missing_members(old: ast.ClassDef, new: ast.ClassDef) -> list[str]:
    have = {_member(node) for node in new.body}
    return [name for node in old.body if (name := _member(node)) and name not in have]


def _member(node: ast.stmt) -> str:
    if isinstance(node, Definition):
        return node.name
    return "" if _is_string(node) or isinstance(node, ast.Pass) else ast.unparse(node)


def _import_edit(tree: ast.Module, node: ast.Import | ast.ImportFrom) -> list[_Edit]:
    """The import after the last of the file's own at its head, unless it is there already."""
    written = ast.unparse(node)
    if any(isinstance(old, ast.Import | ast.ImportFrom) and _covers(old, node) for old in tree.body):
        return []
    line = 0
    first = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    for old in tree.body:
        imports = isinstance(old, ast.Import | ast.ImportFrom) and not first
        if not (imports or (line == 0 and _is_string(old))):
            break
        line = old.end_lineno or line
    return [_Edit(line, line, (written,), is_import=True)]


def _covers(old: ast.Import | ast.ImportFrom, new: ast.Import | ast.ImportFrom) -> bool:
    origins = [(n.module, n.level) if isinstance(n, ast.ImportFrom) else None for n in (old, new)]
    if origins[0] != origins[1]:
        return False
    have = {(alias.name, alias.asname) for alias in old.names}
    return all((alias.name, alias.asname) in have for alias in new.names)


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _is_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_quotation(code: str, text: str) -> bool:
    """Whether the lines of `code` are in `text`, but for white space at their ends."""
    return _stripped(code) in _stripped(text)


def _stripped(text: str) -> str:
    return "\n" + "\n".join(line.strip() for line in re.split(r"\r\n|\n|\r", text.strip())) + "\n"
