from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Analysis, Confidence, Finding, Severity, Snapshot, Span
from codefactory.pipelines.gate import Candidate, judge

if TYPE_CHECKING:
    from codefactory.pipelines.verdict import Verdict


def check(before: str, after: str, *lines: int, by_model: bool = True) -> Verdict:
    """A change for findings on `lines` (0-based, before), all of which are gone."""
    found = tuple(
        Finding("t", "X1", "m", Span.at(n, 0, n, 1), Severity.MEDIUM, Confidence.HIGH, fingerprint=str(n))
        for n in lines
    )
    old, new = (Snapshot("file:///p/a.py", text, "python") for text in (before, after))
    return judge(Candidate(old, new, Analysis(found), Analysis(), written_by_model=by_model))


BODY = "".join(f"x{n} = {n}\n" for n in range(100))


def rewritten(count: int) -> str:
    return "".join(f"y{n} = {n}\nx{n} = y{n}\n" if n < count else f"x{n} = {n}\n" for n in range(100))


@pytest.mark.parametrize(
    ("changed", "findings", "accepted"), [(21, 1, True), (22, 1, False), (22, 2, True), (27, 2, True), (28, 2, False)]
)
def test_size_follows_the_number_of_findings(changed: int, findings: int, accepted: bool) -> None:
    verdict = check(BODY, rewritten(changed), *range(findings))
    assert verdict.accepted is accepted, str(verdict)
    if not accepted:
        assert [r.code for r in verdict.reasons] == ["disproportionate"]


@pytest.mark.parametrize(("findings", "accepted"), [(9, False), (14, True)])
def test_a_rewrite_of_most_of_a_file(findings: int, accepted: bool) -> None:
    before = "".join(f"x{n} = {n}\n" for n in range(45))
    after = "".join(f"x{n} = {n} + 0\n" if n < 30 else f"x{n} = {n}\n" for n in range(45))
    assert check(before, after, *range(findings)).accepted is accepted
    assert check(before, after, *range(findings), by_model=False).accepted


START = "bad = 1\n" + "\n" * 3 + "a = 1\n" * 5
FIXED = START.replace("bad = 1", "bad = 2")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("\ufeff" + START, FIXED, "byte order mark"),
        (START, "\ufeff" + FIXED, "byte order mark"),
        (START, FIXED.replace("\n", "\r\n"), "CRLF"),
        (START.replace("\n", "\r\n"), FIXED, "LF line endings"),
        (START, FIXED.replace("2\n", "2\r\n", 1), "CRLF"),
        (START + "\f\nb = 1\n", FIXED + "\nb = 1\n", "form feed"),
        (START, FIXED + "\f\n", "form feed"),
        (START + "if a:\n\tb = 1\n", FIXED + "if a:\n        b = 1\n", "tabs and spaces"),
        (START + "b = [1,2]\n", FIXED + "b = [1, 2]\n", "reformats"),
        (START + "b = 'x'\n", FIXED + 'b = "x"\n', "reformats"),
        (START + "b = 1  \n", FIXED + "b = 1\n", "reformats"),
        (START + "# Why it is so.\nb = 1\n", FIXED + "# Something else.\nb = 1\n", "comments"),
        (START + "# Why it is so.\nb = 1\n", FIXED + "b = 1\n", "comments"),
        (
            START + 'def f():\n    """Old."""\n    return a\n',
            FIXED + 'def f():\n    """New."""\n    return a\n',
            "docstring",
        ),
    ],
)
def test_what_is_no_business_of_the_change(before: str, after: str, says: str) -> None:
    verdict = check(before, after, 0)
    assert {r.code for r in verdict.reasons} == {"disproportionate"}, str(verdict)
    assert says in str(verdict)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (START, FIXED),
        ("\ufeff" + START, "\ufeff" + FIXED),
        (START.replace("\n", "\r\n"), FIXED.replace("\n", "\r\n")),
        ("x\r\n".join(["", "y\n"]) + START, "x\r\n".join(["", "y\n"]) + FIXED),
        (START.rstrip("\n"), FIXED),
        (START + "\f\n", FIXED + "\f\n"),
        # Indentation that has to follow.
        ("bad = open(p)\na = 1\n\nb = bad\n", "with open(p) as bad:\n    a = 1\n\n    b = bad\n"),
        # An import, a comment that explains the repair.
        (START, "import os\n" + FIXED + "b = os.sep\n"),
        (START, "# Two, because of this.\n" + FIXED),
    ],
)
def test_what_a_change_may_do(before: str, after: str) -> None:
    line = next(n for n, text in enumerate(before.split("\n")) if "bad" in text)
    verdict = check(before, after, line)
    assert verdict.accepted, str(verdict)


def test_a_fix_for_white_space_may_change_it() -> None:
    assert check("a = 1\nb = 1  \n", "a = 1\nb = 1\n", 1).accepted
