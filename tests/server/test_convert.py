"""Positions and changes between the protocol's units and ours."""

from __future__ import annotations

import pytest
from editor import units
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from codefactory.analyzers import Encoding, Position, Span, Text
from codefactory.server import convert

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
CHARACTERS = st.sampled_from([*"ab \t\n\r\f\v", "\r\n", "é", "漢", "😀", "👩‍👩‍👧", "\u2028", "\x85", "\ufeff", ""])
TEXTS = st.lists(CHARACTERS, max_size=40).map("".join)
encodings = st.sampled_from(ENCODINGS)


def offsets(text: str, *numbers: int) -> list[int]:
    """Any numbers → offsets of `text` in order, never inside a CR LF, where no editor puts a cursor."""
    found = sorted(number % (len(text) + 1) for number in numbers)
    return [o - 1 if text[o - 1 : o + 1] == "\r\n" else o for o in found]


@given(TEXTS, st.integers(0, 999), encodings)
def test_positions_come_back(text: str, number: int, encoding: Encoding) -> None:
    index = Text(text)
    (offset,) = offsets(text, number)
    position = index.position(offset)
    sent = convert.to_position(position, index, encoding)
    assert convert.from_position(sent, index, encoding) == position
    assert sent.character == units(text[index.line_starts[position.line] : offset], encoding)


@given(
    TEXTS,
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999), TEXTS), min_size=1, max_size=5),
    encodings,
)
def test_incremental_changes_equal_the_whole_text(
    text: str, changes: list[tuple[int, int, str]], encoding: Encoding
) -> None:
    before, expected = Text(text), text
    sent: list[types.TextDocumentContentChangeEvent] = []
    for a, b, new in changes:
        start, end = offsets(expected, a, b)
        where = convert.to_range(Text(expected).span(start, end), Text(expected), encoding)
        sent.append(types.TextDocumentContentChangePartial(where, new))
        expected = expected[:start] + new + expected[end:]
    after, steps = convert.apply_changes(before, sent, encoding)
    assert after.value == expected
    replayed = text
    for step in steps:
        replayed = step.apply(replayed)
    assert replayed == expected
    whole = types.TextDocumentContentChangeWholeDocument(expected)
    after, (step,) = convert.apply_changes(before, [whole], encoding)
    assert after.value == expected
    assert step.apply(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "character", "encoding", "offset"),
    [
        ("ab", 0, 99, "utf-16", 2),  # beyond the line
        ("ab\ncd", 9, 0, "utf-16", 5),  # beyond the text
        ("ab\r\ncd", 0, 99, "utf-16", 2),  # not behind the CR
        ("a\fb\nc", 1, 0, "utf-16", 4),  # a form feed ends no line
        ("😀b", 0, 2, "utf-16", 1),
        ("😀b", 0, 1, "utf-16", 0),  # inside a surrogate pair
        ("😀b", 0, 4, "utf-8", 1),
        ("😀b", 0, 1, "utf-32", 1),
        ("", 0, 0, "utf-16", 0),
    ],
)
def test_places(text: str, line: int, character: int, encoding: Encoding, offset: int) -> None:
    index = Text(text)
    assert index.offset(convert.from_position(types.Position(line, character), index, encoding)) == offset


def test_a_span_of_several_lines_is_cut_at_its_first() -> None:
    text = Text("call(\n    1,\n)\n")
    assert convert.first_line(Span.at(0, 0, 2, 1), text) == Span(Position(0, 0), Position(0, 5))
