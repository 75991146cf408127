"""Diagnostics, pushed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from editor import children, codes, serving
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

YAML = "import yaml\n\n\ndef load(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n"


async def test_ruff_and_bandit_speak_and_twins_are_shown_once(editor: Editor, uri: str) -> None:
    editor.open(uri, "import os\n" + YAML)
    await editor.codes(uri, "F401", "B506")
    unused, load = editor.published[uri].diagnostics
    assert (unused.source, unused.severity) == ("Code Factory (ruff)", types.DiagnosticSeverity.Information)
    assert list(unused.tags or ()) == [types.DiagnosticTag.Unnecessary]
    assert (load.source, load.severity) == ("Code Factory (bandit)", types.DiagnosticSeverity.Warning)
    assert load.code_description is not None
    assert load.code_description.href.startswith("https://bandit.readthedocs.io/")
    assert load.range == types.Range(types.Position(5, 11), types.Position(5, 48))
    assert load.data["rule"] == "bandit:B506"
    assert len(load.data["fingerprints"]) == 2  # bandit's and ruff's S506


async def test_they_follow_what_is_typed(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    editor.insert(uri, 0, "import os\n")
    await editor.codes(uri, "B506", "F401")
    editor.replace(uri, 0, len("import os\n"), "")
    found = await editor.diagnostics(uri, lambda d: codes(d) == ["B506"])
    assert found[0].range.start.line == 4


async def test_every_push_has_the_slow_tools_last_findings_where_they_are_now(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    for _ in range(5):
        editor.insert(uri, 0, "\n")
        version = editor.buffers[uri].version
        await editor.codes(uri, "B506")
        pushed = [p for p in editor.history if p.uri == uri and p.version == version]
        assert [[(d.code, d.range.start.line) for d in p.diagnostics] for p in pushed] == [
            [("B506", 3 + version)] for _ in pushed
        ]


async def test_a_long_node_is_underlined_on_its_first_line_only(editor: Editor, uri: str) -> None:
    editor.open(uri, "import subprocess\nsubprocess.run(\n    'ls *',\n    shell=True,\n)\n")
    found = await editor.diagnostics(uri, lambda d: "B602" in codes(d))
    (shell,) = [d for d in found if d.code == "B602"]
    assert shell.range == types.Range(types.Position(1, 0), types.Position(1, 15))


async def test_a_broken_text_is_a_finding(editor: Editor, uri: str) -> None:
    editor.open(uri, "def broken(:\n    pass\n")
    found = await editor.diagnostics(uri, lambda d: "invalid-syntax" in codes(d))
    assert "syntax-error" not in codes(found)  # ruff says it better than tree-sitter
    assert found[0].severity == types.DiagnosticSeverity.Error


@pytest.mark.parametrize(
    ("language", "name", "text", "code"),
    [
        ("python", "untitled:Untitled-1", "eval(input())\n", "B307"),
        ("typescript", "untitled:Untitled-2", "function f( {\n", "syntax-error"),
    ],
)
async def test_untitled_buffers(editor: Editor, language: str, name: str, text: str, code: str) -> None:
    editor.open(name, text, language)
    await editor.diagnostics(name, lambda d: code in codes(d))
    editor.close(name)


async def test_a_closed_document_has_none(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    editor.close(uri)
    await editor.wait(lambda: not editor.published[uri].diagnostics)


async def test_the_worker_is_killed_and_comes_back(project: Path, uri: str) -> None:
    async with serving(project) as editor:
        editor.open(uri, YAML)
        await editor.codes(uri, "B506")
        workers = children(editor.pid)
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        editor.insert(uri, len(YAML), "eval(input())\n")
        await editor.codes(uri, "B506", "B307")


async def test_no_ruff_is_said_and_bandit_goes_on(project: Path, uri: str) -> None:
    async with serving(project, settings={"ruff": {"path": "/nowhere/ruff"}}) as editor:
        editor.open(uri, YAML)
        found = await editor.diagnostics(uri, lambda d: "B506" in codes(d) and "missing" in codes(d))
        (missing,) = [d for d in found if d.code == "missing"]
        assert "codefactory.ruff.path" in missing.message
        assert missing.range == types.Range(types.Position(0, 0), types.Position(0, 0))
        editor.insert(uri, 0, "\n")
        await editor.diagnostics(uri, lambda d: "missing" in codes(d))
        assert len([m for m in editor.messages if "ruff" in m]) == 1  # shown once, not at every key
