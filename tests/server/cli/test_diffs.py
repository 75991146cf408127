from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import git
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from codefactory.server.cli.diffs import coloured, unified

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.lists(st.sampled_from([b"a\n", b"b\r\n", b"c\rd\n", b"\n", "é\n".encode("latin-1"), b"\x0c\n"])).map(
    b"".join
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([b"", b"end"]), st.sampled_from([b"", b"end", b"\xff"]))
@example(b"a\n", b"", b"", b"")
@example(b"a\n", b"a\n", b"end", b"\xff")
def test_git_applies_what_we_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes, old_end: bytes, new_end: bytes
) -> None:
    before, after = b"# first\n" + old + old_end, b"# first\n" + new + new_end
    path = tmp_path / "a.py"
    path.write_bytes(before)
    monkeypatch.chdir(tmp_path)
    diff = unified(path, before, after)
    assert (diff == b"") == (before == after)
    if diff:
        (tmp_path / "patch").write_bytes(diff)
        git("apply", "--whitespace=nowarn", "patch", cwd=tmp_path)
    assert path.read_bytes() == after


@pytest.mark.parametrize("name", ["a b.py", 'quo"te.py', "back\\slash.py", "tab\t.py", "ünï.py", "a/b/c d.py"])
def test_names_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patch").write_bytes(unified(path, b"a\n", b"b\n"))
    git("apply", "patch", cwd=tmp_path)
    assert path.read_bytes() == b"b\n"


def lines(before: str, after: str, width: int = 60) -> list[str]:
    from pathlib import Path

    diff = unified(Path("a.py"), before.encode(), after.encode())
    return [line.rstrip() for text in coloured(diff, "utf-8", width) for line in text.plain.split("\n")]


def test_lines_are_numbered_on_their_own_side() -> None:
    before = "one\ntwo\nthree\nfour\n"
    after = "one\nthree\nfour!\nfive\n"
    assert lines(before, after) == [
        " 1   one",
        " 2 - two",
        " 2   three",
        " 4 - four",
        " 3 + four!",
        " 4 + five",
    ]


def test_hunks_are_told_apart() -> None:
    before = "".join(f"{n}\n" for n in range(30))
    assert lines(before, before.replace("\n2\n", "\nx\n").replace("\n25\n", "\ny\n")).count("      ⋯") == 1


@pytest.mark.parametrize("width", [30, 61])
def test_long_lines_are_folded_without_loss(width: int) -> None:
    long = "x = '" + "長い行" * 40 + "'"
    shown = lines("x = 1\n", f"{long}\n", width)
    assert all(cell_len(line) <= width for line in shown)
    assert "".join(line[5:] for line in shown[1:]) == long


def test_what_changed_inside_a_line_is_marked() -> None:
    from pathlib import Path

    diff = unified(Path("a.py"), b"x = yaml.load(f)\n", b"x = yaml.safe_load(f)\n")
    removed, added = coloured(diff, "utf-8", 80)
    marked = [t.plain[s.start : s.end] for t in (removed, added) for s in t.spans if "reverse" in str(s.style)]
    assert marked == ["safe_"]


def test_control_characters_are_shown_not_sent() -> None:
    shown = "".join(lines("a\n", "\x1b[2J\u202eb\n"))
    assert "\x1b" not in shown
    assert "␛[2J\ufffdb" in shown
