"""Long work: jobs, their progress and their end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from editor import children, serving
from lsprotocol import types

if TYPE_CHECKING:
    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

YAML = "import yaml\n\nDATA = yaml.load(open('x'), Loader=yaml.Loader)\n"


async def test_a_command_returns_at_once_and_the_job_tells(editor: Editor, uri: str) -> None:
    editor.open(uri, "X = 1\n")
    started = await editor.execute("codefactory.repairFile", {"uri": uri})
    job = await editor.job(started["job"])
    assert (job["state"], job["message"]) == ("done", "There is nothing to repair here.")
    assert job["uri"] == uri
    assert editor.jobs[job["id"]][0]["state"] == "running"

    def reports() -> list[Any]:
        return editor.client.progress_reports.get(job["id"], [])

    await editor.wait(lambda: any(isinstance(report, types.WorkDoneProgressEnd) for report in reports()))
    assert isinstance(reports()[0], types.WorkDoneProgressBegin)
    assert reports()[0].cancellable
    assert isinstance(reports()[-1], types.WorkDoneProgressEnd)


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A ruff that never answers."""
    path = tmp_path / "endless"
    path.write_text("#!/bin/sh\nexec sleep 600\n")
    path.chmod(0o755)
    return str(path)


def alive(processes: list[int]) -> list[int]:
    return [process for process in processes if Path(f"/proc/{process}").exists()]


def sleeping(pid: int) -> set[int]:
    return {child for child in children(pid) if command_line(child).startswith(b"sleep")}


def command_line(process: int) -> bytes:
    """Empty for one that has just ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("way", ["command", "progress"])
async def test_cancelling_ends_the_processes_too(project: Path, uri: str, endless: str, way: str) -> None:
    async with serving(project, settings={"ruff": {"path": endless, "timeoutS": 600}}) as editor:
        editor.open(uri, YAML)
        await editor.wait(lambda: len(sleeping(editor.pid)) == 1)
        of_diagnostics = sleeping(editor.pid)
        job_id = (await editor.execute("codefactory.repairFile", {"uri": uri}))["job"]
        await editor.wait(lambda: len(sleeping(editor.pid)) == 2)
        if way == "command":
            assert await editor.execute("codefactory.cancel", {"job": job_id}) is True
            assert sleeping(editor.pid) == of_diagnostics
        else:
            await editor.wait(lambda: job_id in editor.client.progress_reports)
            editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(job_id))
        assert (await editor.job(job_id))["state"] == "cancelled"
        assert sleeping(editor.pid) == of_diagnostics
        assert await editor.execute("codefactory.cancel", {"job": job_id}) is False
        editor.close(uri)
        await editor.wait(lambda: not sleeping(editor.pid))


async def test_nothing_is_left_of_a_server_that_is_told_to_end(project: Path, uri: str, endless: str) -> None:
    async with serving(project, settings={"ruff": {"path": endless}}) as editor:
        editor.open(uri, YAML)
        await editor.execute("codefactory.repairFile", {"uri": uri})
        await editor.wait(lambda: len(sleeping(editor.pid)) == 2)
        started = children(editor.pid)
    assert not alive(started)
