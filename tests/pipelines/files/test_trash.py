"""What steps delete can be restored, until its run is pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from command_line import codefactory
from step_runs import policy, run_steps

from codefactory.pipelines.files.trash import trashed
from codefactory.pipelines.store import Store, retention

if TYPE_CHECKING:
    from pathlib import Path


def delete(path: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "with": {"operation": "delete", "path": path, **more}}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "sub/deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub/deep/b.txt").write_text("b")
    return folder


async def deleted(workspace: Path, *steps: dict[str, Any]) -> str:
    with Store(workspace / ".codefactory") as store:
        result = await run_steps(*steps, allowed=policy(workspace), store=store)
    result.unwrap()
    return result.run_id


async def test_files_and_folders_come_back(workspace: Path) -> None:
    move = {"type": "file", "with": {"operation": "move", "path": "new.txt", "to": "kept.txt", "overwrite": True}}
    (workspace / "new.txt").write_text("new")
    (workspace / "kept.txt").write_text("kept")
    run = await deleted(workspace, delete("a.txt"), delete("sub", recursive=True), move)
    assert sorted(p.name for p in workspace.iterdir()) == [".codefactory", "kept.txt"]  # noqa: ASYNC240
    (workspace / "kept.txt").unlink()
    listed = codefactory("runs", "trash", run[:8], cwd=workspace).stdout.decode()
    assert [line.split()[1] for line in listed.splitlines()] == [
        str(workspace / name) for name in ("a.txt", "sub", "kept.txt")
    ]
    done = codefactory("runs", "trash", run, "--restore", cwd=workspace)
    assert done.returncode == 0, done.stderr
    assert (workspace / "a.txt").read_text() == "a"
    assert (workspace / "sub/deep/b.txt").read_text() == "b"
    assert (workspace / "kept.txt").read_text() == "kept"
    assert codefactory("runs", "trash", run, cwd=workspace).stdout == b""


async def test_nothing_is_overwritten_by_restoring(workspace: Path) -> None:
    run = await deleted(workspace, delete("a.txt"))
    (workspace / "a.txt").write_text("new")
    done = codefactory("runs", "trash", run, "--restore", cwd=workspace)
    assert done.returncode == 1
    assert b"again; restore to another place" in done.stderr
    assert (workspace / "a.txt").read_text() == "new"
    assert codefactory("runs", "trash", run, "--restore", "--to", "back", cwd=workspace).returncode == 0
    assert (workspace / "back/1/a.txt").read_text() == "a"


async def test_one_of_several(workspace: Path) -> None:
    run = await deleted(workspace, delete("a.txt"), delete("sub", recursive=True))
    codefactory("runs", "trash", run, "--restore", "--only", "2", cwd=workspace)
    assert (workspace / "sub").is_dir()
    assert not (workspace / "a.txt").exists()
    assert b"no entry 9" in codefactory("runs", "trash", run, "--only", "9", cwd=workspace).stderr


async def test_a_pruned_run_has_no_trash(workspace: Path) -> None:
    run = await deleted(workspace, delete("a.txt"))
    records = workspace / ".codefactory"
    assert len(trashed(records, run)) == 1
    with Store(records) as store:
        await retention.prune(store, retention.Retention(max_runs=0))
    assert not (records / "trash" / run).exists()


async def test_a_delete_that_was_done_before_a_crash_is_done(workspace: Path) -> None:
    result = await run_steps(delete("a.txt"), allowed=policy(workspace), run_id="a-run")
    assert result.unwrap()["s0"]["deleted"] is True
    again = await run_steps(delete("a.txt"), allowed=policy(workspace), run_id="a-run")
    assert again.unwrap()["s0"]["deleted"] is False
    other = await run_steps(delete("a.txt"), allowed=policy(workspace))
    assert "there is no `a.txt`" in str(other.error)
    ignored = await run_steps(delete("a.txt", missing="ignore"), allowed=policy(workspace))
    assert ignored.unwrap()["s0"]["deleted"] is False
