"""Suppressing findings, held against what ruff and bandit really do with the comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Options, Severity, Snapshot
from codefactory.analyzers.ruff import RuffOptions
from codefactory.server.shown import shown
from codefactory.server.suppression import suppress

if TYPE_CHECKING:
    from codefactory.analyzers import Analyzers

OPTIONS = Options(ruff=RuffOptions(arguments=("--isolated", "--select", "E4,E9,F,S")))

CASES = {
    "a line": ("eval(x)  \n", "B307", "eval(x)  # noqa: S307  # nosec B307  # why\n"),
    "no newline at the end": ("eval(x)", "B307", "eval(x)  # noqa: S307  # nosec B307  # why"),
    "CRLF": ("eval(x)\r\ny = 1\r\n", "B307", "eval(x)  # noqa: S307  # nosec B307  # why\r\ny = 1\r\n"),
    "a tool alone": ("import os\n", "F401", "import os  # noqa: F401  # why\n"),
    "a comment is there": ("eval(x)  # 😀 note\n", "B307", "eval(x)  # 😀 note  # noqa: S307  # nosec B307  # why\n"),
    "other codes are there": (
        "import os, eval  # noqa: E401  # nosec B101\nassert eval(x)\n",
        "F401",
        "import os, eval  # noqa: E401, F401  # nosec B101  # why\nassert eval(x)\n",
    ),
    "nosec grows": (
        "assert eval(x)  # nosec B101\n",
        "B307",
        "assert eval(x)  # nosec B101, B307  # noqa: S307  # why\n",
    ),
    "over several lines": (
        "eval(\n    x,\n)\n",
        "B307",
        "eval(  # noqa: S307  # nosec B307  # why\n    x,\n)\n",
    ),
    "a string over several lines": (
        "def f(n):\n    return '''select *\n from t where n = %s''' % n\n",
        "B608",
        "def f(n):\n    return '''select *\n from t where n = %s''' % n  # noqa: S608  # nosec B608  # why\n",
    ),
    "a backslash": (
        "x = 1; import os, \\\n    sys; sys\n",
        "F401",
        "x = 1; import os, \\\n    sys; sys  # noqa: F401  # why\n",
    ),
    "a hash in a string": ("eval('#')\n", "B307", "eval('#')  # noqa: S307  # nosec B307  # why\n"),
    "a form feed before": (
        "y = 1\n\x0c\neval(x)\n",
        "B307",
        "y = 1\n\x0c\neval(x)  # noqa: S307  # nosec B307  # why\n",
    ),
    "tabs": ("if x:\n\teval(x)\n", "B307", "if x:\n\teval(x)  # noqa: S307  # nosec B307  # why\n"),
}


@pytest.mark.parametrize(("source", "code", "expected"), CASES.values(), ids=CASES)
def test_where_the_comment_goes(analyzers: Analyzers, source: str, code: str, expected: str) -> None:
    snapshot = Snapshot("file:///tmp/app.py", source, "python")
    before = shown(analyzers.analyze(snapshot, OPTIONS), Severity.INFO)
    (item,) = [i for i in before if i.finding.code == code]
    text = snapshot.lines.apply(suppress(snapshot.lines, item.all, "why"))
    assert text == expected
    after = shown(analyzers.analyze(snapshot.with_text(text), OPTIONS), Severity.INFO)
    assert [i.finding.code for i in after] == [i.finding.code for i in before if i is not item]


@pytest.mark.parametrize(
    ("reason", "written"),
    [(None, "say why"), ("", "say why"), ("  ", "say why"), ("our\nown # file", "our own file"), ("漢😀", "漢😀")],
)
def test_reasons(analyzers: Analyzers, reason: str | None, written: str) -> None:
    snapshot = Snapshot("file:///tmp/app.py", "eval(x)\n", "python")
    (item,) = [i for i in shown(analyzers.analyze(snapshot, OPTIONS), Severity.INFO) if i.finding.code == "B307"]
    text = snapshot.lines.apply(suppress(snapshot.lines, item.all, reason))
    assert text == f"eval(x)  # noqa: S307  # nosec B307  # {written}\n"
