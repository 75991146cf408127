"""Settings: where they come from, and that what is wrong with them is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from editor import codes, serving
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASSERT = "import os\nassert eval('1')\n"


async def test_each_folder_has_its_own(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, rules in zip(folders, ('["F"]', '["E"]'), strict=True):
        folder.mkdir()
        (folder / "ruff.toml").write_text(f"lint.select = {rules}\n")
    (folders[0] / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B101"]\n')
    (folders[1] / "pyproject.toml").write_text('[tool.codefactory.diagnostics]\nminimum_severity = "medium"\n')
    async with serving(*folders) as editor:
        first = editor.open((folders[0] / "a.py").as_uri(), ASSERT)
        second = editor.open((folders[1] / "a.py").as_uri(), ASSERT)
        await editor.codes(first, "F401", "B307")
        await editor.codes(second, "B307")


async def test_the_editor_wins_and_changes_at_once(project: Path, uri: str) -> None:
    (project / "pyproject.toml").write_text('[tool.codefactory.diagnostics]\nenable = ["ruff"]\n')
    async with serving(project, settings={}) as editor:
        editor.open(uri, ASSERT)
        await editor.codes(uri, "F401", "S101", "S307")
        editor.client.set_configuration({"diagnostics": {"enable": ["bandit"]}}, section="codefactory")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
        await editor.codes(uri, "B101", "B307")


async def test_a_saved_configuration_counts(project: Path, uri: str) -> None:
    async with serving(project) as editor:
        editor.open(uri, ASSERT)
        await editor.codes(uri, "F401", "B101", "B307")
        (project / "ruff.toml").write_text('lint.select = ["E"]\n')
        saved = types.TextDocumentIdentifier((project / "ruff.toml").as_uri())
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(saved))
        await editor.codes(uri, "B101", "B307")


@pytest.mark.parametrize(
    ("pyproject", "settings", "said"),
    [
        ("[tool.codefactory.diagnostics]\nenabel = []\n", {}, "did you mean `diagnostics.enable`?"),
        ("", {"diagnostics": {"minimumSeverity": "loud"}}, "editor settings: `diagnostics.minimum_severity` is not"),
        ("not toml", {}, "is not valid"),
        ('[tool.codefactory.ruff]\npath = "./evil"\n', {}, "until you trust this file"),
    ],
)
async def test_what_is_wrong_is_shown_once_and_the_rest_stands(
    project: Path, uri: str, pyproject: str, settings: dict[str, object], said: str
) -> None:
    (project / "pyproject.toml").write_text(pyproject)
    async with serving(project, settings=settings) as editor:
        editor.open(uri, ASSERT)
        await editor.diagnostics(uri, lambda d: "B307" in codes(d))
        editor.open((project / "b.py").as_uri(), ASSERT)
        await editor.diagnostics((project / "b.py").as_uri(), lambda d: "B307" in codes(d))
        assert len([message for message in editor.messages if said in message]) == 1


async def test_a_ruff_configuration_that_is_not_valid_is_said(project: Path, uri: str) -> None:
    (project / "ruff.toml").write_text("lint.select = 7\n")
    async with serving(project) as editor:
        editor.open(uri, ASSERT)
        found = await editor.diagnostics(uri, lambda d: "configuration" in codes(d) and "B307" in codes(d))
        assert "ruff" in next(d.message for d in found if d.code == "configuration")


async def test_folders_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    async with serving(settings={"diagnostics": {"enable": ["bandit"]}}) as editor:
        folder = types.WorkspaceFolder((tmp_path / "late").as_uri(), "late")
        editor.client.set_configuration({"codefactory": {"diagnostics": {"enable": ["syntax"]}}}, scope_uri=folder.uri)
        uri = editor.open((tmp_path / "late" / "a.py").as_uri(), "assert (\n")
        await editor.codes(uri)
        event = types.WorkspaceFoldersChangeEvent([folder], [])
        editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        await editor.diagnostics(uri, lambda d: "syntax-error" in codes(d) or "missing-token" in codes(d))
