"""Where the system cannot open relative to a folder (Windows), names are joined to real paths: the same results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from step_runs import error_of, policy, run_step

from codefactory.pipelines.files import folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "RELATIVE", False)


async def test_every_operation(tmp_path: Path) -> None:
    allowed = policy(tmp_path)
    await run_step("file", allowed, operation="write", path="a/b.txt", content="one\n")
    await run_step("file", allowed, operation="append", path="a/b.txt", content="two\n")
    assert await run_step("file", allowed, operation="read", path="a/b.txt", **{"as": "lines"}) == ["one", "two"]
    await run_step("file", allowed, operation="copy", path="a", to="c", recursive=True)
    await run_step("file", allowed, operation="move", path="c/b.txt", to="d.txt")
    assert await run_step("file", allowed, operation="glob", pattern="**/*.txt") == ["a/b.txt", "d.txt"]
    assert (await run_step("file", allowed, operation="delete", path="a", recursive=True))["deleted"]
    assert [e["path"] for e in await run_step("file", allowed, operation="list")] == [".codefactory", "c", "d.txt"]


async def test_links_that_lead_out(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a.txt").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "secret")
    for operation in ("read", "write", "delete"):
        said = await error_of("file", policy(inside), operation=operation, path="link/a.txt", content="evil")
        assert "out of the folders this run may" in said
    assert (tmp_path / "secret/a.txt").read_text() == "secret"
