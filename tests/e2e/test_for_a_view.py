"""What a client with views of its own asks for: repairs of a selection, explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from editor import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCE = "def find(run, name):\n    return run(f\"select * from users where name = '{name}'\")\n"


@pytest_asyncio.fixture(loop_scope="session")
async def editor(project: Path) -> AsyncIterator[Editor]:
    async with serving(project, options={"preview": True}) as running:
        yield running


async def test_a_selection_is_repaired_alone(editor: Editor, uri: str) -> None:
    editor.open(uri, "import os\nimport sys\nX = 1\n")
    await editor.codes(uri, "F401", "F401")

    async def repair(first: int, last: int) -> dict[str, Any]:
        where = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
        started = await editor.execute("codefactory.repairFile", {"uri": uri, "range": where})
        return (await editor.job(started["job"]))["result"]

    result = await repair(1, 2)
    proposal = await editor.request("codefactory/proposal", {"id": result["proposal"]})
    assert proposal["after"] == "import os\nX = 1\n"
    assert (await repair(2, 2))["message"] == "There is no finding in the selection."


async def test_a_finding_is_explained_in_the_words_of_its_rule(editor: Editor, uri: str) -> None:
    editor.open(uri, "import os\n\n" + SOURCE)
    await editor.codes(uri, "F401", "B608")

    async def explain(line: int, character: int) -> str | None:
        where = {"uri": uri, "position": {"line": line, "character": character}}
        found = await editor.execute("codefactory.explainFinding", where)
        return found and found["markdown"]

    assert "## Why is this bad?" in (await explain(0, 8) or "")
    assert "Remove" in (await explain(0, 8) or "")
    assert "SQL injection" in (await explain(3, 20) or "")
    assert await explain(1, 0) is None
