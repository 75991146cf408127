"""Diagnostics, pulled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from editor import codes, serving
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

Full, Unchanged = types.RelatedFullDocumentDiagnosticReport, types.RelatedUnchangedDocumentDiagnosticReport


async def pull(editor: Editor, uri: str, previous: str | None = None) -> types.DocumentDiagnosticReport:
    params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri), previous_result_id=previous)
    return await editor.client.text_document_diagnostic_async(params)


async def settled(editor: Editor, uri: str, *wanted: str) -> Full:
    """Pull as a client does that was told to refresh, until everything is there."""
    async with asyncio.timeout(20):
        while True:
            report = await pull(editor, uri)
            assert isinstance(report, Full)
            if sorted(codes(report.items)) == sorted(wanted):
                return report
            await asyncio.sleep(0.05)


async def test_a_client_that_pulls_is_not_pushed_to(project: Path, uri: str) -> None:
    async with serving(project, pull=True) as editor:
        editor.open(uri, "import os\neval(input())\n")
        first = await settled(editor, uri, "F401", "B307")
        again = await pull(editor, uri, first.result_id)
        assert isinstance(again, Unchanged)
        assert again.result_id == first.result_id
        editor.replace(uri, 0, len("import os\n"), "")
        changed = await pull(editor, uri, first.result_id)
        assert isinstance(changed, Full)
        assert [(d.code, d.range.start.line) for d in (await settled(editor, uri, "B307")).items] == [("B307", 0)]
        assert not editor.history


async def test_changed_settings_ask_for_a_new_pull(project: Path, uri: str) -> None:
    async with serving(project, pull=True) as editor:
        editor.open(uri, "import os\n")
        await settled(editor, uri, "F401")
        before = editor.client.diagnostic_refresh_count
        editor.client.set_configuration({"diagnostics": {"minimumSeverity": "high"}}, section="codefactory")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
        await settled(editor, uri)
        assert editor.client.diagnostic_refresh_count > before


async def test_a_document_that_is_not_open(project: Path, uri: str) -> None:
    async with serving(project, pull=True) as editor:
        report = await pull(editor, uri)
        assert isinstance(report, Full)
        assert not report.items
