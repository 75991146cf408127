from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.analyzers import Analysis, Confidence, Finding, Severity, Snapshot, Span, Text
from codefactory.analyzers.finding import fingerprinted
from codefactory.pipelines.gate import compare
from codefactory.pipelines.gate.alignment import align, split_lines


def marked(text: str) -> tuple[Snapshot, Analysis]:
    """A finding of rule X for every line that says "bad", of bandit:B506 for "yaml", of ruff:S506 for "also"."""
    rules = {"bad": ("tool", "X"), "yaml": ("bandit", "B506"), "also": ("ruff", "S506")}
    found = [
        Finding(tool, code, "m", Span.at(n, 0, n, 1), Severity.MEDIUM, Confidence.HIGH)
        for n, line in enumerate(text.split("\n"))
        for word, (tool, code) in rules.items()
        if word in line
    ]
    analysis = Analysis(fingerprinted(found, Text(text)), analyzers=("tool 1", "bandit 1", "ruff 1"))
    return Snapshot("file:///p/a.txt", text, "plaintext"), analysis


@pytest.mark.parametrize(
    ("before", "after", "fixed", "remaining", "introduced"),
    [
        ("a\nbad\nc", "a\ngood\nc", [1], [], []),
        ("a\nbad\nc", "new\na\nbad\nc", [], [2], []),
        ("a\nbad\nc", "a\n  bad\nc", [], [1], []),
        ("a\nbad one\nc", "a\nbad two\nc", [], [1], []),
        ("a\nbad one\nc", "a\nfirst\nsecond bad\nc", [], [2], []),
        ("a\nbad\nc", "a\nc", [1], [], []),
        ("a\nc", "a\nbad\nc", [], [], [1]),
        # The first of two equal lines is fixed: the second one is still itself.
        ("bad\nx\nbad", "good\nx\nbad", [0], [2], []),
        ("bad\nx\nbad", "bad\nx\ngood", [2], [0], []),
        # Two on one hunk, one of them left.
        ("bad 1\nbad 2", "good\nbad 3", [0], [1], []),
        ("bad 1\nbad 2", "bad 3\nbad 4\nbad 5", [], [0, 1], [2]),
        # Moved code, and moved code that changed beyond recognition.
        ("def f\n bad q\ndef g\n 1\n 2\n 3\n", "def g\n 1\n 2\n 3\ndef f\n bad q\n", [], [5], []),
        ("bad q\n" + "\n".join("abcdefghij"), "\n".join("abcdefghij") + "\nbad other", [0], [], [10]),
        # The same problem in another tool's words.
        ("yaml", "yaml also", [], [0, 0], []),
        ("yaml also", "also", [0], [0], []),
        ("", "bad", [], [], [0]),
        ("bad", "", [0], [], []),
    ],
)
def test_findings_are_matched(
    before: str, after: str, fixed: list[int], remaining: list[int], introduced: list[int]
) -> None:
    (old, analysis_old), (new, analysis_new) = marked(before), marked(after)
    delta = compare(old, new, analysis_old, analysis_new)
    assert [f.span.start.line for f in delta.fixed] == fixed
    assert [f.span.start.line for f in delta.remaining] == remaining
    assert [f.span.start.line for f in delta.introduced] == introduced


def test_a_tool_that_runs_for_the_first_time_introduces_nothing_on_old_lines() -> None:
    old, _ = marked("bad\nx")
    new, analysis = marked("bad\nbad too")
    delta = compare(old, new, Analysis(analyzers=("other 1",)), analysis)
    assert [f.span.start.line for f in delta.introduced] == [1]
    assert [f.span.start.line for f in delta.remaining] == [0]


@pytest.mark.parametrize("line", ["import a, b", "import a,b"])
def test_of_two_findings_on_a_line_the_right_one_is_gone(line: str) -> None:
    def unused(name: str, column: int) -> Finding:
        span = Span.at(0, column, 0, column + 1)
        return Finding("ruff", "F401", f"{name} is unused", span, Severity.LOW, Confidence.HIGH, fingerprint=name)

    old, new = (Snapshot("file:///p/a.py", text, "python") for text in ("import a, b\n", f"{line}\na()\n"))
    delta = compare(old, new, Analysis((unused("a", 7), unused("b", 10))), Analysis((unused("b", 9),)))
    assert [f.fingerprint for f in delta.fixed] == ["a"]


TEXTS = st.lists(st.sampled_from(["a", "b", "bad", "bad x", "yaml", "also yaml", "", "  bad"]), max_size=12).map(
    "\n".join
)


@given(TEXTS, TEXTS)
def test_every_finding_is_somewhere_once(before: str, after: str) -> None:
    (old, analysis_old), (new, analysis_new) = marked(before), marked(after)
    delta = compare(old, new, analysis_old, analysis_new)
    assert sorted(id(f) for f in (*delta.remaining, *delta.introduced)) == sorted(id(f) for f in analysis_new.findings)
    assert {id(f) for f in delta.fixed} <= {id(f) for f in analysis_old.findings}
    if before == after:
        assert not delta.fixed
        assert not delta.introduced


LINES = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "x = 1\r", "😀\f\n"]), max_size=20).map("".join)


@given(LINES, LINES, st.sampled_from(["", "end"]))
def test_an_alignment_explains_both_texts(before: str, after: str, end: str) -> None:
    a = align(Text(before + end), Text(after + end))
    assert "".join(a.before) == before + end
    assert a.after == split_lines(Text(after + end))
    for line in range(len(a.before)):
        to = a.after_line(line)
        assert (to is None) == (line in a.removed)
        if to is not None:
            assert a.before[line] == a.after[to]
            assert to not in a.added
    assert len(a.before) - len(a.removed) == len(a.after) - len(a.added)
