"""Hostile records in the trash, which lies where others can write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from command_line import codefactory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.hostile("trash-forged", "a record in the trash that says it came from outside of the current folder")
@pytest.mark.parametrize("path", ["../evil", "/etc/cron.d/evil", ".git/hooks/post-checkout", "link/evil"])
def test_forged_entry(tmp_path: Path, path: str) -> None:
    workspace = tmp_path / "workspace"
    slot = workspace / ".codefactory/trash/forged/1"
    slot.mkdir(parents=True)
    (slot / "content").write_text("evil")
    (workspace / ".git").mkdir()
    (workspace / "link").symlink_to(workspace.parent)
    where = path if path.startswith("/") else f"{workspace}/{path}"
    record = {"number": 1, "path": where, "step": "s", "at": 0, "kind": "file", "bytes": 4}
    (slot / "entry.json").write_text(json.dumps(record))
    done = codefactory("runs", "trash", "forged", "--restore", cwd=workspace)
    assert done.returncode == 1
    assert b"not restored" in done.stderr
    assert (slot / "content").exists()
    assert codefactory("runs", "trash", "../../x", cwd=workspace).returncode != 0
