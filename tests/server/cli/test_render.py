from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from codefactory.analyzers import Snapshot, Span
from codefactory.server.cli.render import excerpt
from codefactory.server.cli.terminal import hanging, safe

if TYPE_CHECKING:
    from pathlib import Path


def lines(source: str, span: Span, width: int = 80) -> list[str]:
    return [t.plain.rstrip() for t in excerpt(Snapshot("file:///a.py", source, "python"), span, "red", 3, width)]


@pytest.mark.parametrize(
    ("source", "span", "expected"),
    [
        ("x = load(f)\n", Span.at(0, 4, 0, 11), ["    1 │ x = load(f)", "      │     ~~~~~~~"]),
        ("    x\n", Span.at(0, 4, 0, 5), ["    1 │ x", "      │ ^"]),
        ("\tx = f\n", Span.at(0, 5, 0, 6), ["    1 │ x = f", "      │     ^"]),
        ("x = '催促', f\n", Span.at(0, 10, 0, 11), ["    1 │ x = '催促', f", "      │             ^"]),
        ("x = '😀', f\n", Span.at(0, 9, 0, 10), ["    1 │ x = '😀', f", "      │           ^"]),
        ("f(\n  a,\n)\n", Span.at(0, 0, 2, 1), ["    1 │ f(", "      │ ~~"]),
        ("", Span.at(0, 0, 0, 0), ["    1 │", "      │ ^"]),
        ("x = 1\n", Span.at(9, 0, 9, 3), ["   10 │", "      │ ^"]),
        ("a\x1b[2Jb\u202ec\n", Span.at(0, 0, 0, 1), ["    1 │ a␛[2Jb\ufffdc", "      │ ^"]),
    ],
)
def test_excerpt(source: str, span: Span, expected: list[str]) -> None:
    assert lines(source, span) == expected


@pytest.mark.parametrize("width", [30, 40, 80])
@pytest.mark.parametrize("column", [0, 25, 100, 190])
@pytest.mark.parametrize("character", ["x", "字"])
def test_a_long_line_is_cut_around_the_finding(width: int, column: int, character: str) -> None:
    source = character * column + "FLAGGED" + character * (200 - column)
    code, marks = lines(source, Span.at(0, column, 0, column + 7), width)
    assert cell_len(code) <= width
    assert cell_len(marks) <= width
    at = cell_len(code[: code.index("FLAG")])
    assert marks.index("~") == at


@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_wrapped_text_loses_nothing(width: int) -> None:
    words = "  12:16  high  B602  " + "subprocess 呼び出し with shell=True identified, security issue. " * 3
    wrapped = hanging(Console(file=io.StringIO(), width=width), Text(words), 10).plain
    assert wrapped.split() == words.split() or width == 20
    assert all(cell_len(line) <= max(width, 30) for line in wrapped.split("\n"))


def test_safe_text_keeps_its_length() -> None:
    text = "a\x1b]8;;http://x\x07b\u202e\ud83d\r\tc"
    assert len(safe(text)) == len(text)
    assert safe(text).isprintable() or "\t" in safe(text)


def test_plain_where_nobody_looks(tmp_path: Path) -> None:
    from command_line import codefactory

    root = tmp_path / "p"
    root.mkdir()
    (root / "a.py").write_text("import os\n")
    assert b"\x1b" not in codefactory("check", "a.py", cwd=root).stdout
    coloured = codefactory("check", "a.py", cwd=root, FORCE_COLOR="1", TERM="xterm-256color").stdout
    assert b"\x1b[" in coloured
    without = codefactory("check", "a.py", cwd=root, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color").stdout
    assert b"\x1b[31m" not in without
    assert b";31m" not in without
