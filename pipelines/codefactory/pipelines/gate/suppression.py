"""Silencing by text: suppression comments added or widened, and code that became a comment. Any language."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from typing import TYPE_CHECKING

from codefactory.analyzers import Span
from codefactory.pipelines.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .alignment import Hunk
    from .change import Change

_CODE = r"[A-Za-z]+[\w-]*[0-9][\w-]*"
_CODES = rf"(?:\s*[:=\[(]?\s*(?P<codes>{_CODE}(?:[\s,]+{_CODE})*|[\[(=:][^\])\n]*[\])]?))?"
_NEEDLES = re.compile(
    "noqa|nosec|ignore|pylint|pyright|mypy|pyre-|pytype|no *cover|isort|ruff|lgtm|nosonar|semgrep|codeql|eslint|"
    "@ts-|nolint|suppress|allow|rubocop|shellcheck|stylelint|diagnostic|warning|noinspection|expect",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"(?P<name>"
    r"#\s*(?:ruff|flake8)\s*:\s*noqa|#\s*ruff\s*:\s*(?:disable|ignore|file-ignore|isort\s*:\s*(?:off|skip\w*))"
    r"|(?:#|//)\s*noqa|(?:#|//|/\*)\s*#?nosec|#\s*type\s*:\s*ignore|#\s*pyright\s*:\s*\w+"
    r"|#\s*mypy\s*:\s*[\w-]+|#\s*pylint\s*:\s*(?:disable(?:-next|-msg)?|skip-file)|#\s*pyre-(?:ignore|fixme|unsafe)\S*"
    r"|#\s*pytype\s*:\s*(?:disable|skip-file)|#\s*pragma\s*:\s*no\s*cover|#\s*isort\s*:\s*(?:off|skip\w*)"
    r"|(?:#|//)\s*lgtm\b|(?:#|//)\s*NOSONAR\b|(?:#|//)\s*nosemgrep\b|(?:#|//)\s*codeql\b"
    r"|(?://|/\*)\s*(?:eslint-disable|tslint:disable|stylelint-disable|biome-ignore|@ts-ignore|@ts-nocheck|"
    r"@ts-expect-error|nolint|NOLINT)[\w-]*|@SuppressWarnings|#!?\[(?:allow|expect)|#\s*rubocop\s*:\s*(?:disable|todo)"
    r"|#\s*shellcheck\s+disable|#\s*pragma\s+(?:warning|GCC\s+diagnostic\s+ignored|clang\s+diagnostic\s+ignored)"
    r"|(?:#|//)\s*noinspection)" + _CODES,
    re.IGNORECASE,
)
_LINE_COMMENT = re.compile(r"(?:#|//|--|/\*+|<!--)\s?(?P<body>.*?)(?:\*/|-->)?\s*$")
_WORD = re.compile(r"\w")


def check(change: Change) -> Iterator[Reason]:
    kept_lines = {line.strip() for i, line in enumerate(change.alignment.before) if i in change.alignment.removed}
    for cluster in change.alignment.clusters:
        yield from _directives(change, cluster, kept_lines)
    yield from _commented_out(change)


def _directives(change: Change, cluster: Hunk, moved: set[str]) -> Iterator[Reason]:
    a = change.alignment
    added = [j for j in range(cluster.after_start, cluster.after_end) if j in a.added and _NEEDLES.search(a.after[j])]
    if not added:
        return
    had = Counter(d for i in range(cluster.before_start, cluster.before_end) for d in _codes(a.before[i]))
    for line in added:
        text = a.after[line]
        if text.strip() in moved:
            continue
        for match in _DIRECTIVE.finditer(text):
            fresh = [code for code in _match_codes(match) if not _covered(code, had)]
            if fresh and not _inside_string(change, line, match.start()):
                yield Reason(
                    "silenced",
                    f"line {line + 1} gains the suppression `{match.group().strip()}`. That hides the finding and "
                    "repairs nothing; remove the comment and change the code.",
                    Span.at(line, match.start(), line, match.end()),
                )
                break
        had.subtract(_codes(text))


def _covered(code: tuple[str, str], had: Counter[tuple[str, str]]) -> bool:
    """The edit's own lines had this directive, or the same one without codes, which covers every code."""
    return had[code] > 0 or had[(code[0], "")] > 0


def _codes(text: str) -> list[tuple[str, str]]:
    return [code for match in _DIRECTIVE.finditer(text) for code in _match_codes(match)]


def _match_codes(match: re.Match[str]) -> list[tuple[str, str]]:
    name = re.sub(r"\s+", "", match["name"]).lower()
    codes = re.findall(r"[\w-]+", match["codes"] or "")
    return [(name, code.upper()) for code in codes] or [(name, "")]


def _inside_string(change: Change, line: int, column: int) -> bool:
    """Python only, and only asked when a directive was seen: tokenizing costs."""
    if change.after.language != "python" or len(change.after.text) > 1_000_000:
        return False
    try:
        for token in tokenize.generate_tokens(io.StringIO(change.after.text).readline):
            if token.type == tokenize.COMMENT and token.start[0] - 1 == line:
                return not token.start[1] <= column < token.end[1]
            if token.start[0] - 1 > line:
                return True
    except (tokenize.TokenError, SyntaxError):
        return False
    return True


def _commented_out(change: Change) -> Iterator[Reason]:
    a = change.alignment
    removed = {_squeezed(a.before[i]): i for i in a.removed if _is_code(a.before[i])}
    if not removed:
        return
    for line in sorted(a.added):
        match = _LINE_COMMENT.search(a.after[line])
        for body in _comment_bodies(a.after[line]) if match else ():
            if body in removed:
                yield Reason(
                    "silenced",
                    f"line {line + 1} keeps the old code as a comment. Commented-out code repairs nothing; replace the "
                    "code, or remove the comment if it is replaced.",
                    Span.at(line, 0, line, len(change.after.lines.line(line))),
                )
                return


def _comment_bodies(line: str) -> Iterable[str]:
    """What the line says behind each comment marker, without white space."""
    for match in re.finditer(r"#|//|--|/\*+|<!--", line):
        body = line[match.end() :].strip()
        for ending in ("*/", "-->"):
            body = body.removesuffix(ending)
        yield _squeezed(body)


def _squeezed(text: str) -> str:
    return "".join(text.split()).rstrip(";,")


def _is_code(line: str) -> bool:
    """A line that says something and is no comment itself: `else:` and `)` come back in many comments."""
    text = line.strip()
    return (
        len(_WORD.findall(text)) >= 5
        and not text.startswith(("#", "//", "/*", "*", "<!--"))
        and any(c in text for c in "(=.[")
    )
