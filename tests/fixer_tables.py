"""`check_fix` and `check_declined`: a fixer's before/after table, run through the real bandit."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

from codefactory.analyzers import Safety, Snapshot, Text, bandit
from codefactory.analyzers.fixers import Outcome, fixes_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.analyzers.finding import Finding, Fix


def findings(source: str, code: str) -> list[Finding]:
    return [f for f in bandit.analyze(snapshot(source)).findings if f.code == code]


def snapshot(source: str) -> Snapshot:
    return Snapshot("file:///project/app.py", source, "python")


def outcome(source: str, code: str) -> Outcome:
    flagged = findings(source, code)
    assert flagged, f"bandit does not flag {code} in:\n{source}"
    return fixes_for(snapshot(source), flagged[:1])[0]


def check_fix(
    code: str,
    before: str,
    after: str,
    safety: Safety,
    *,
    alternative: int = 0,
    gone: int = 1,
    anew: frozenset[str] = frozenset(),
) -> Fix:
    """The first finding of `code` in `before` is fixed to exactly `after`; `gone` findings of its rule are gone, and
    nothing but the rules `anew` is flagged that was not. The same holds with other line ends, tabs, a byte order mark,
    and wide characters."""
    fixes = [
        _check_fix(code, variant(before), variant(after), safety, alternative, gone, anew) for variant in _VARIANTS
    ]
    return fixes[0]


_VARIANTS: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: re.sub(r"\r?\n", "\r\n", text),
    lambda text: text.replace("    ", "\t"),
    lambda text: f"\ufeff{text}" if not text.startswith("\ufeff") else text,
    lambda text: f"{text}# \u00e9\u2028\U0001f600\x0c\n",
)


def _check_fix(
    code: str, before: str, after: str, safety: Safety, alternative: int, gone: int, anew: frozenset[str]
) -> Fix:
    result = outcome(before, code)
    assert result.fixes, f"declined: {result.declined}"
    fix = result.fixes[alternative]
    fixed = Text(before).apply(fix.edits)
    assert fixed == after
    assert fix.safety is safety
    ast.parse(fixed.removeprefix("\ufeff"))
    was, now = _counts(before), _counts(fixed)
    assert now[code] == was[code] - gone
    assert (now - was).keys() <= anew, "flagged anew"
    return fix


def _counts(source: str) -> Counter[str]:
    return Counter(f.code for f in bandit.analyze(snapshot(source)).findings)


def check_declined(code: str, source: str, reason: str) -> None:
    """The fixers leave the first finding of `code` alone, and say why."""
    result = outcome(source, code)
    assert not result.fixes, f"fixed by {result.fixes[0].fixer}: {Text(source).apply(result.fixes[0].edits)}"
    assert any(reason in said for said in result.declined), result.declined
