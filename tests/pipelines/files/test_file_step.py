"""The `file` step: what each operation gives, and what it leaves behind."""

from __future__ import annotations

import asyncio
import base64
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from step_runs import error_of, policy, run_step, run_steps

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Budget, Engine
from codefactory.pipelines.engine.events import OutputDelta
from codefactory.pipelines.files.atomic import PREFIX
from codefactory.pipelines.files.listing import Pattern

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


async def file(folder: Path, /, **settings: Any) -> Any:
    return await run_step("file", policy(folder), **settings)


async def refused(folder: Path, /, **settings: Any) -> str:
    return await error_of("file", policy(folder), **settings)


async def test_read_gives_text_lines_bytes_and_ranges(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffeins\r\nzwei\ndrei ☃".encode())
    assert await file(tmp_path, operation="read", path="a.txt") == "eins\r\nzwei\ndrei ☃"
    assert await file(tmp_path, operation="read", path="a.txt", **{"as": "lines"}) == ["eins", "zwei", "drei ☃"]
    assert await file(tmp_path, operation="read", path="a.txt", offset=1, limit=1, **{"as": "lines"}) == ["zwei"]
    assert await file(tmp_path, operation="read", path="a.txt", offset=3, limit=4) == "eins"
    encoded = await file(tmp_path, operation="read", path="a.txt", **{"as": "base64"})
    assert base64.b64decode(encoded) == (tmp_path / "a.txt").read_bytes()


async def test_lines_end_as_editors_end_them_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("a\x0cb\u2028c\rd\r\n\ne\n\r".encode())
    lines = await file(tmp_path, operation="read", path="a.txt", **{"as": "lines"})
    assert lines == ["a\x0cb\u2028c", "d", "", "e", ""]


async def test_chunks_stream_and_leave_a_count(tmp_path: Path) -> None:
    text = "☃" * 1000
    (tmp_path / "a.txt").write_text(text, "utf-8")
    deltas: list[Any] = []
    result = await run_steps(
        {"type": "file", "with": {"operation": "read", "path": "a.txt", "as": "chunks", "chunk_bytes": 1000}},
        allowed=policy(tmp_path),
        on_event=lambda e: deltas.append(e.delta) if isinstance(e, OutputDelta) else None,
    )
    assert "".join(deltas) == text
    assert result.unwrap()["s0"] == {"path": "a.txt", "bytes": 3000, "chunks": 3}


async def test_chunks_wait_for_a_slow_reader(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 5000)
    plan = loads(
        "{version: 1, name: p, steps: {r: {type: file, with: {operation: read, path: a.txt, as: chunks, "
        "chunk_bytes: 10}}}}"
    ).unwrap()
    engine = Engine(policy=policy(tmp_path))
    count = 0
    async for event in engine.stream(plan, buffer=4):
        if isinstance(event, OutputDelta):
            count += 1
            await asyncio.sleep(0)
    engine.close()
    assert count == 500


@pytest.mark.parametrize(
    ("encoding", "before", "content", "after"),
    [
        ("utf-8", None, "a\nb", b"a\nb"),
        ("utf-8", b"\xef\xbb\xbfold\r\nlines\r\n", "new\nlines\n", b"\xef\xbb\xbfnew\r\nlines\r\n"),
        ("utf-8", b"old\nlines\n", "new\r\nlines\n", b"new\nlines\n"),
        ("utf-16", b"\xfe\xff\x00a", "b", b"\xfe\xff\x00b"),
        ("utf-16", None, "b", b"\xff\xfeb\x00"),
        ("latin-1", b"\xe9\n", "\xe8\n", b"\xe8\n"),
    ],
)
async def test_write_keeps_mark_and_line_endings(
    tmp_path: Path, encoding: str, before: bytes | None, content: str, after: bytes
) -> None:
    if before is not None:
        (tmp_path / "a.txt").write_bytes(before)
    done = await file(tmp_path, operation="write", path="a.txt", content=content, encoding=encoding)
    assert (tmp_path / "a.txt").read_bytes() == after
    assert done == {"path": "a.txt", "bytes": len(after)}


async def test_newline_can_be_said(tmp_path: Path) -> None:
    for newline, expected in (("lf", b"a\nb\n"), ("crlf", b"a\r\nb\r\n"), ("exact", b"a\r\nb\n")):
        await file(tmp_path, operation="write", path=newline, content="a\r\nb\n", newline=newline)
        assert (tmp_path / newline).read_bytes() == expected


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        (None, "a\n", b"a\n"),
        (b"a\r\nb\r\n", "c\n", b"a\r\nb\r\nc\r\n"),
        (b"\xef\xbb\xbfa\n", "b\n", b"\xef\xbb\xbfa\nb\n"),
        (b"a", {"base64": base64.b64encode(b"\xef\xbb\xbf\x00").decode()}, b"a\xef\xbb\xbf\x00"),
    ],
)
async def test_append(tmp_path: Path, before: bytes | None, content: Any, after: bytes) -> None:
    if before is not None:
        (tmp_path / "a.txt").write_bytes(before)
    await file(tmp_path, operation="append", path="a.txt", content=content)
    assert (tmp_path / "a.txt").read_bytes() == after


async def test_modes_are_kept_and_folders_made(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("old")
    script.chmod(0o750)
    await file(tmp_path, operation="write", path="run.sh", content="new")
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    await file(tmp_path, operation="copy", path="run.sh", to="a/b/copy.sh")
    assert stat.S_IMODE((tmp_path / "a/b/copy.sh").stat().st_mode) == 0o750
    assert "no folder `x`" in await refused(tmp_path, operation="write", path="x/y", content="", parents=False)


async def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    said = await refused(tmp_path, operation="write", path="a.txt", content="naïve ☃", encoding="latin-1")
    assert "cannot hold character 6 ('☃')" in said
    small = policy(tmp_path, max_file_bytes=10)
    said = await error_of("file", small, operation="write", path="a.txt", content="x" * 11)
    assert "would have 11 bytes; a file may have 10" in said
    said = await error_of("file", small, operation="append", path="a.txt", content="x" * 8)
    assert "would have 11 bytes" in said
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


async def test_wrong_bytes_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 5000 + b"\xff")
    for how in ("text", "lines", "chunks"):
        said = await refused(tmp_path, operation="read", path="a.txt", chunk_bytes=1000, **{"as": how})
        assert "byte 5000 (0xff)" in said, how
    assert "no encoding" in await refused(tmp_path, operation="read", path="a.txt", encoding="utf-9")
    assert "no encoding" in await refused(tmp_path, operation="read", path="a.txt", encoding="rot13")


async def test_reading_too_much_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\n" * 100)
    said = await refused(tmp_path, operation="read", path="a.txt", max_bytes=100)
    assert "has 200 bytes, more than `max_bytes` (100)" in said
    assert "larger than `max_bytes`" in await refused(
        tmp_path, operation="read", path="a.txt", max_bytes=100, **{"as": "lines"}
    )
    assert await file(tmp_path, operation="read", path="gone", missing="ignore") is None


async def test_list_and_glob(tmp_path: Path) -> None:
    for name in ("b.py", "a/c.py", "a/d.txt", "a/e/f.py", ".git/config", ".git/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "a/link.py").symlink_to("c.py")
    assert await file(tmp_path, operation="glob", pattern="**/*.py") == ["a/c.py", "a/e/f.py", "b.py"]
    assert await file(tmp_path, operation="glob", path="a", pattern="*") == ["a/c.py", "a/d.txt"]
    assert await file(tmp_path, operation="glob", pattern="a/[c-d].*") == ["a/c.py", "a/d.txt"]
    listed = await file(tmp_path, operation="list", path="a")
    assert [(e["name"], e["kind"], e["bytes"]) for e in listed] == [
        ("c.py", "file", 1),
        ("d.txt", "file", 1),
        ("e", "folder", 0),
        ("link.py", "link", 0),
    ]
    deep = await file(tmp_path, operation="list", recursive=True)
    assert ".git" in [e["path"] for e in deep]
    assert not any(e["path"].startswith(".git/") for e in deep)


def test_a_pattern_knows_where_to_look() -> None:
    wanted = Pattern("src/*/test_*.py")
    assert [wanted.goes_into(p) for p in (["src"], ["src", "a"], ["docs"], ["src", "a", "b"])] == [
        True,
        True,
        False,
        False,
    ]
    assert Pattern("**/x").goes_into(["a", "b", "c"])
    assert not Pattern("*.py").goes_into(["src"])
    assert [Pattern("a/**/b").matches(p) for p in (["a", "b"], ["a", "x", "y", "b"], ["a", "x"])] == [True, True, False]


async def test_copy_and_move(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "b.txt").write_text("2")
    assert "already; say `overwrite: true`" in await refused(tmp_path, operation="copy", path="a.txt", to="b.txt")
    assert "already; say `overwrite: true`" in await refused(tmp_path, operation="move", path="a.txt", to="b.txt")
    assert "same file" in await refused(tmp_path, operation="copy", path="a.txt", to="a.txt", overwrite=True)
    assert (tmp_path / "b.txt").read_text() == "2"
    assert await file(tmp_path, operation="copy", path="a.txt", to="b.txt", overwrite=True) == {
        "path": "b.txt",
        "bytes": 1,
    }
    await file(tmp_path, operation="move", path="b.txt", to="sub/c.txt")
    assert (tmp_path / "sub/c.txt").read_text() == "1"
    assert not (tmp_path / "b.txt").exists()
    assert "is a folder; say `recursive" in await refused(tmp_path, operation="copy", path="sub", to="other")
    await file(tmp_path, operation="copy", path="sub", to="other", recursive=True)
    assert (tmp_path / "other/c.txt").read_text() == "1"
    assert "inside of" in await refused(tmp_path, operation="copy", path="sub", to="sub/x", recursive=True)
    assert "inside of" in await refused(tmp_path, operation="move", path="sub", to="sub/x")


async def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.txt").write_text("1")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "real" / "a.txt")
    (tmp_path / "real/up").symlink_to("../real/a.txt")
    for path in ("folder/a.txt", "absolute", "folder/up"):
        assert await file(tmp_path, operation="read", path=path) == "1"
    await file(tmp_path, operation="write", path="absolute", content="2")
    assert (tmp_path / "absolute").is_symlink()
    assert (tmp_path / "real/a.txt").read_text() == "2"


async def test_files_count_against_the_budget(tmp_path: Path) -> None:
    write = {"type": "file", "with": {"operation": "write", "path": "a", "content": "1"}}
    result = await run_steps(write, write, allowed=policy(tmp_path), budget=Budget(files=1))
    assert result.status == "stopped"
    assert result.spent["files"] == 1


async def test_nothing_is_half_written_when_a_run_is_cancelled(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"")
    os.truncate(tmp_path / "big", 3_000_000_000)
    plan = loads(
        "{version: 1, name: p, steps: {c: {type: file, with: {operation: copy, path: big, to: copy}}}}"
    ).unwrap()
    engine = Engine(policy=policy(tmp_path, max_file_bytes=4_000_000_000), grace_s=10)

    def stop(event: Any) -> None:
        if event.kind == "output_delta":
            engine.cancel(event.run_id)

    result = await engine.run(plan, on_event=stop)
    engine.close()
    assert result.status == "cancelled"
    engine_threads_end(tmp_path)
    assert names(tmp_path) == ["big"]


def engine_threads_end(folder: Path) -> None:
    """The copying thread looks whether to go on every few milliseconds."""
    import time

    until = time.monotonic() + 20
    while any(name.startswith(PREFIX) for name in names(folder)) and time.monotonic() < until:
        time.sleep(0.01)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=200),
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
async def test_what_is_written_exactly_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a").unlink(missing_ok=True)
    await file(tmp_path, operation="write", path="a", content=text, encoding=encoding, newline="exact")
    assert await file(tmp_path, operation="read", path="a", encoding=encoding) == text


def test_the_importers_fields_are_valid() -> None:
    for fields in (
        "operation: copy, path: a, to: b",
        "operation: list, path: a, pattern: '*.py'",
        "operation: write, path: a, content: x",
    ):
        assert loads(f"{{version: 1, name: p, steps: {{f: {{type: file, with: {{{fields}}}}}}}}}").findings == ()


def test_what_is_missing_is_said_before_a_run() -> None:
    found = loads("{version: 1, name: p, steps: {f: {type: file, with: {operation: copy, path: a}}}}").findings
    assert [f.message for f in found] == ["`copy` needs `to`."]
