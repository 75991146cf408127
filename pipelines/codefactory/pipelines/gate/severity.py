"""Which new findings a repair may leave behind.

A finding weighs its severity. A security finding weighs more than another of the same severity, and a leftover, which
the next pass of a formatter or import sorter clears away (`LEFTOVERS`), weighs less than anything else. The *bar* of a
new finding is the lightest target of LOW severity or more that was fixed in the same edit; where there is none, in the
whole file; where there is none either, the lightest of all that were fixed.

| the new finding is                                            | verdict |
| ------------------------------------------------------------- | ------- |
| MEDIUM or HIGH, of any kind                                   | refused |
| security, lower than a target that leaves it by `LEFT_BY`     | allowed |
| security, lower than a security target fixed in the same edit | allowed |
| security, anything else                                       | refused |
| an `else` that shows when the one before it went (RET505–508) | allowed |
| not security, LOW or INFO, lighter than the bar               | allowed |
| not security, LOW or INFO, as heavy as the bar or heavier     | refused |

So a HIGH `shell=True` (B602) may become an argument list (a LOW B603), but a LOW one may not, since nothing would be
won. A fix for a security finding may leave a line too long, and a fix for an unsorted import may leave nothing. What is
allowed stays visible in `Delta.introduced`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codefactory.analyzers import Severity
from codefactory.pipelines.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codefactory.analyzers import Finding
    from codefactory.pipelines.verdict import Delta

    from .alignment import Alignment

_NO_SHELL = frozenset({"404", "603", "607"})
LEFT_BY: dict[str, frozenset[str]] = {
    **dict.fromkeys(("601", "602", "604", "605", "606", "607", "609"), _NO_SHELL),
    "404": frozenset({"603"}),
    "301": frozenset({"403"}),
    "306": frozenset({"103"}),
}
"""Numbers of security rules (bandit's B, ruff's S) → what an honest repair of them leaves. A program started without a
shell is still a program started."""

LEFTOVERS = re.compile(r"I001|F401|E501|E[123]\d\d|W[123569]\d\d|COM8\d\d|Q00\d")
"""An import out of order or no longer used, a line too long, white space: left by many honest repairs of one place."""

_NEXT_ELSE = re.compile(r"RET50[5-8]")


def check(delta: Delta, fixed: Sequence[Finding], alignment: Alignment) -> Iterator[Reason]:
    """`fixed`: the targets that are gone."""
    for finding in delta.introduced:
        worse = [f for f in fixed if is_security(f) and f.severity > finding.severity]
        left = frozenset[str]().union(*(LEFT_BY.get(_number(f), frozenset()) for f in worse))
        near = [f for f in fixed if _same_edit(f, finding, alignment)]
        if not _allowed(finding, fixed, near, left):
            yield Reason(
                "new-finding",
                f"the change introduces {finding.code} ({finding.severity.name}) on line "
                f"{finding.span.start.line + 1}: {finding.message.rstrip('.')}. Repair without it.",
                finding.span,
            )


def is_security(finding: Finding) -> bool:
    return finding.tool == "bandit" or (
        finding.tool == "ruff" and finding.code[:1] == "S" and finding.code[1:].isdigit()
    )


def _allowed(new: Finding, fixed: Sequence[Finding], near: Sequence[Finding], left: frozenset[str]) -> bool:
    if new.severity >= Severity.MEDIUM:
        return False
    if is_security(new):
        return _number(new) in left or any(is_security(f) and f.severity > new.severity for f in near)
    if _NEXT_ELSE.fullmatch(new.code) and any(f.code == new.code for f in fixed):
        return True
    bar = min((_weight(f, as_target=True) for f in _weighty(near) or _weighty(fixed) or fixed), default=0)
    return _weight(new) < bar


def _same_edit(old: Finding, new: Finding, alignment: Alignment) -> bool:
    return any(
        c.before_start <= old.span.end.line
        and old.span.start.line < c.before_end
        and c.after_start <= new.span.start.line < c.after_end
        for c in alignment.clusters
    )


def _weighty(findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in findings if f.severity > Severity.INFO]


def _weight(finding: Finding, *, as_target: bool = False) -> int:
    """A leftover is light when it is left, and an unused import that was the target is as heavy as its severity."""
    heavy = as_target and finding.severity > Severity.INFO
    if finding.tool == "ruff" and LEFTOVERS.fullmatch(finding.code) and not heavy:
        return 1
    return 2 * finding.severity + is_security(finding)


def _number(finding: Finding) -> str:
    return finding.code[1:]
