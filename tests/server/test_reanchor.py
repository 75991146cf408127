"""A change made for one version of a text, moved onto a later one."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codefactory.analyzers import Span, Text, TextEdit
from codefactory.server.reanchor import Conflict, reanchor
from codefactory.server.tracking import Replacement, between, follow, sequence, whole

LINES = st.lists(st.sampled_from(["", "a", "b", "    c", "漢😀", "x\fy"]), min_size=4, max_size=30)
NEWLINES = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def texts(draw: st.DrawFn) -> Text:
    newline = draw(NEWLINES)
    lines = draw(LINES)
    return Text(newline.join(lines) + draw(st.sampled_from(["", newline])))


def edit_of(text: Text, line: int, new: str) -> TextEdit:
    return TextEdit(Span.at(line, 0, line, len(text.line(line))), new)


@given(st.data(), texts())
def test_onto_edits_elsewhere_it_is_as_if_both_were_made_at_once(data: st.DataObject, before: Text) -> None:
    line = data.draw(st.integers(0, before.line_count - 1))
    free = [n for n in range(before.line_count) if abs(n - line) > 1]
    assume(free)
    typed_lines = data.draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
    typed = [
        edit_of(before, n, data.draw(st.sampled_from(["", "new", "two" + before.newline + "lines"])))
        for n in typed_lines
    ]
    change = edit_of(before, line, "changed")
    after = Text(before.apply(typed))
    moved = reanchor(before, [change], after, sequence(before, typed))
    assert not isinstance(moved, Conflict)
    assert after.apply(moved) == before.apply([*typed, change])


@given(st.data(), texts(), st.booleans())
def test_whatever_was_typed_it_is_refused_or_right(data: st.DataObject, before: Text, known: bool) -> None:
    """Right: only the lines of the change differ, and they stand between the same neighbours."""
    line = data.draw(st.integers(0, before.line_count - 1))
    change = edit_of(before, line, "changed")
    after, steps = before.value, []
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(after)))
        end = data.draw(st.integers(start, min(len(after), start + 5)))
        steps.append(Replacement(start, end, data.draw(st.sampled_from(["", "z", "\n", "\r", "z\n"]))))
        after = steps[-1].apply(after)
    moved = reanchor(before, [change], Text(after), steps if known else None)
    if isinstance(moved, Conflict):
        return
    (edit,) = moved
    assert Text(after).slice(edit.span) == before.slice(change.span)
    for distance in (-1, 1):
        if 0 <= line + distance < before.line_count:
            assert Text(after).line(edit.span.start.line + distance) == before.line(line + distance)


@pytest.mark.parametrize(
    ("before", "line", "after", "expected"),
    [
        ("a\nb\nc\n", 1, "a\nb\nc\n", "a\nX\nc\n"),
        ("a\nb\nc\n", 1, "new\na\nb\nc\n", "new\na\nX\nc\n"),
        ("a\nb\nc\nd\n", 1, "a\nb\nc\nD\n", "a\nX\nc\nD\n"),
        ("a\nb\nc\n", 1, "a\nB\nc\n", None),  # the line itself was edited
        ("a\nb\nc\n", 1, "A\nb\nc\n", None),  # its neighbour was
        ("a\nb\nc\n", 1, "", None),
        ("x\na\nb\nc\ny\n", 2, "a\nb\nc\nx\na\nb\nc\ny\n", None),  # which of the two?
        ("a\nb", 1, "a\nb\nc", None),  # the last line goes on now
    ],
)
def test_without_knowing_what_was_typed(before: str, line: int, after: str, expected: str | None) -> None:
    text = Text(before)
    moved = reanchor(text, [edit_of(text, line, "X")], Text(after), None)
    assert (None if isinstance(moved, Conflict) else Text(after).apply(moved)) == expected


def test_all_hunks_or_none() -> None:
    before = Text("a\nb\nc\nd\ne\nf\n")
    after = Text("a\nb\nc\nd\ne\nF\n")
    change = [edit_of(before, 0, "A"), edit_of(before, 5, "X")]
    assert isinstance(reanchor(before, change, after, None), Conflict)


@pytest.mark.parametrize(
    ("start", "end", "step", "expected"),
    [
        (2, 4, Replacement(0, 0, "xy"), (4, 6)),
        (2, 4, Replacement(2, 2, "xy"), (4, 6)),  # before its first character
        (2, 4, Replacement(3, 3, "xy"), (2, 6)),
        (2, 4, Replacement(4, 4, "xy"), (2, 4)),
        (2, 4, Replacement(2, 3, ""), (2, 3)),
        (2, 4, Replacement(1, 3, "z"), (2, 3)),
        (2, 4, Replacement(3, 9, "z"), (2, 3)),
        (2, 4, Replacement(2, 4, "z"), None),
        (2, 4, Replacement(0, 9, "z"), None),
    ],
)
def test_places_move(start: int, end: int, step: Replacement, expected: tuple[int, int] | None) -> None:
    assert step.move(start, end) == expected


@given(st.text("ab\r\n😀", max_size=20), st.text("ab\r\n😀", max_size=20))
def test_one_replacement_or_several_make_the_same_text(before: str, after: str) -> None:
    assert whole(before, after).apply(before) == after
    text = before
    for step in between(Text(before), after):
        text = step.apply(text)
    assert text == after


def test_a_span_follows() -> None:
    before, after = Text("one\ntwo\n"), Text("zero\none\ntwo\n")
    assert follow(Span.at(1, 0, 1, 3), before, (whole(before.value, after.value),), after) == Span.at(2, 0, 2, 3)
