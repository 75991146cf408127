from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.analyzers import Position, Span, Text, TextEdit
from codefactory.analyzers.line_diff import changed_lines
from codefactory.analyzers.text import EditConflictError, columns_to_units, combine, diff, units_to_columns

ALPHABET = st.sampled_from([*"ab \t", "\n", "\r", "\r\n", "\x0c", "é", "漢", "😀", "\u2028", "\ufeff", "\ud800"])
TEXTS = st.lists(ALPHABET, max_size=40).map("".join)
LINES = st.text(st.sampled_from([*"ab\t\x0c", "é", "漢", "😀", "\u2028", "\ud800"]), max_size=20)


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a", ""]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("a\x0cb\x0bc\x85d\u2028e", ["a\x0cb\x0bc\x85d\u2028e"]),
        ("\r\n\r\n", ["", "", ""]),
    ],
)
def test_a_line_ends_where_lsp_and_python_say(value: str, lines: list[str]) -> None:
    text = Text(value)
    assert [text.line(i) for i in range(text.line_count)] == lines


@given(TEXTS)
def test_offset_and_position_are_inverse_except_inside_a_line_ending(value: str) -> None:
    text = Text(value)
    for offset in range(len(value) + 1):
        inside_crlf = 0 < offset < len(value) and value[offset - 1 : offset + 1] == "\r\n"
        if not inside_crlf:
            assert text.offset(text.position(offset)) == offset


@pytest.mark.parametrize(
    ("position", "offset"),
    [(Position(0, 99), 2), (Position(9, 0), 5), (Position(-1, 3), 0), (Position(1, -1), 3)],
)
def test_a_position_outside_the_text_means_its_border(position: Position, offset: int) -> None:
    assert Text("ab\ncd").offset(position) == offset


@given(TEXTS, TEXTS)
def test_applying_a_diff_gives_the_other_text(before: str, after: str) -> None:
    assert Text(before).apply(diff(before, after)) == after


@given(
    st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n"])), st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n"]))
)
def test_lines_outside_the_hunks_are_equal(a: list[str], b: list[str]) -> None:
    at_a = at_b = 0
    for before_start, before_end, after_start, after_end in changed_lines(a, b):
        assert a[at_a:before_start] == b[at_b:after_start]
        assert (before_start, after_start) < (before_end, after_end)
        at_a, at_b = before_end, after_end
    assert a[at_a:] == b[at_b:]


@given(TEXTS)
def test_equal_texts_need_no_edit(text: str) -> None:
    assert diff(text, text) == ()


def test_a_diff_is_narrow() -> None:
    before = "import os\r\nx = '😀' + yaml.load(f)\r\n"
    edits = diff(before, before.replace("load", "safe_load"))
    assert edits == (TextEdit(Span.at(1, 15, 1, 15), "safe_"),)


def test_a_diff_of_a_huge_rewrite_does_not_take_forever() -> None:
    before = "".join(f"a{i}\n" for i in range(30_000))
    after = "".join(f"b{i}\n" for i in range(30_000))
    assert Text(before).apply(diff(before, after)) == after


@given(LINES, st.integers(0, 25), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_columns_survive_every_encoding(line: str, column: int, encoding: str) -> None:
    column = min(column, len(line))
    assert units_to_columns(line, columns_to_units(line, column, encoding), encoding) == column


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 8), ("utf-16", 4), ("utf-32", 3)])
def test_units_of_an_emoji(encoding: str, units: int) -> None:
    assert columns_to_units("a😀漢b", 3, encoding) == units


def test_a_place_inside_a_character_means_its_start() -> None:
    assert units_to_columns("😀b", 1, "utf-16") == 0
    assert units_to_columns("漢b", 2, "utf-8") == 0


def test_overlapping_edits_are_refused() -> None:
    edits = [TextEdit(Span.at(0, 0, 0, 3), "x"), TextEdit(Span.at(0, 2, 0, 4), "y")]
    with pytest.raises(EditConflictError, match="line 1, column 3"):
        Text("abcdef").apply(edits)


def test_the_same_insertion_is_made_once_and_others_keep_their_order() -> None:
    start = Span.at(0, 0, 0, 0)
    edits = [TextEdit(start, "import os\n"), TextEdit(start, "import re\n"), TextEdit(start, "import os\n")]
    assert Text("x").apply(edits) == "import os\nimport re\nx"


def test_combine_takes_a_group_whole_or_not_at_all() -> None:
    shared = TextEdit(Span.at(0, 0, 0, 0), "import os\n")
    first = (shared, TextEdit(Span.at(1, 0, 1, 5), "one"))
    clash = (TextEdit(Span.at(1, 3, 1, 8), "two"), TextEdit(Span.at(4, 0, 4, 1), "gone"))
    second = (shared, TextEdit(Span.at(2, 0, 2, 1), "three"))
    edits, chosen = combine([first, clash, second])
    assert chosen == (0, 2)
    assert edits == (shared, first[1], second[1])


SPANS = st.tuples(st.integers(0, 9), st.integers(0, 3)).map(lambda p: Span.at(0, p[0], 0, p[0] + p[1]))
GROUPS = st.lists(st.tuples(SPANS, st.sampled_from("xy")).map(lambda e: TextEdit(*e)), min_size=1, max_size=3).map(
    tuple
)


@given(st.lists(GROUPS, max_size=8))
def test_combined_edits_never_overlap_and_earlier_groups_win(groups: list[tuple[TextEdit, ...]]) -> None:
    def overlap(a: TextEdit, b: TextEdit) -> bool:
        both_insert = a.span.is_empty and b.span.is_empty
        return a != b and not both_insert and a.span.start < b.span.end and b.span.start < a.span.end

    taken: list[TextEdit] = []
    expected: list[int] = []
    for number, group in enumerate(groups):
        if not any(overlap(a, b) for a in group for b in (*taken, *group)):
            taken += [edit for edit in dict.fromkeys(group) if edit not in taken]
            expected.append(number)
    edits, chosen = combine(groups)
    assert chosen == tuple(expected)
    assert edits == tuple(sorted(taken, key=lambda e: e.span))
    Text("0123456789abc").apply(edits)
