"""Typing at speed while repairs run."""

from __future__ import annotations

import asyncio
import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from editor import serving

from codefactory.analyzers import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

EDITS = 200
KEY_S = 0.02
"""About six times as fast as people type."""
BLOCK = "\n\ndef load{}(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n"


async def test_nothing_typed_is_lost_and_no_edit_meets_a_stale_version(project: Path, uri: str) -> None:
    chance = random.Random(7)
    original = "import yaml\n" + "".join(BLOCK.format(n) for n in range(20))
    async with serving(project) as editor:
        editor.open(uri, original)
        applied: list[tuple[str, str]] = []

        def recorded(target: str, edits: Sequence[Any]) -> None:
            before = editor.text(target)
            editor.edit_buffer(target, edits)
            applied.append((before, editor.text(target)))

        editor.apply_edits = recorded
        jobs: list[str] = []
        for number in range(EDITS):
            text = editor.text(uri)
            if number % 10 == 0 and text:
                editor.insert(uri, len(text), BLOCK.format(f"_{number}"))  # something new to repair
            else:
                type_somewhere(editor, uri, chance)
            if number % 20 == 5:
                jobs.append((await editor.execute("codefactory.repairFile", {"uri": uri}))["job"])
            await asyncio.sleep(KEY_S)
        for job in jobs:
            assert (await editor.job(job))["state"] == "done"
        await asyncio.sleep(0.5)
        (document,) = (await editor.request("codefactory/debugInformation", {}))["documents"]
        assert document["version"] == editor.buffers[uri].version
        assert document["contentHash"] == Snapshot(uri, editor.text(uri), "python").content_hash
        assert applied, editor.messages
        for before, after in applied:
            assert after.count("yaml.Loader") < before.count("yaml.Loader")
            assert after.replace("yaml.SafeLoader", "yaml.Loader") == before.replace("yaml.SafeLoader", "yaml.Loader")


def type_somewhere(editor: Editor, uri: str, chance: random.Random) -> None:
    """Mostly above the code: a new comment line, more of an old one, one less, or a text that does not parse."""
    text = editor.text(uri)
    if chance.random() < 0.97:  # people type at one place for a while
        text = text[: text.index("import yaml")]
    comments = [match.span() for match in re.finditer(r"(?m)^#[^\r\n]*(?:\r\n|\n)", text)]
    what = chance.random()
    if what < 0.1 and "def " in text:
        start = chance.choice([match.start() for match in re.finditer("def ", text)])
        editor.insert(uri, start, "(")
        editor.replace(uri, start, start + 1, "")
    elif what < 0.3 and comments:
        editor.replace(uri, *chance.choice(comments), "")
    elif what < 0.6 and comments:
        editor.insert(uri, chance.choice(comments)[0] + 1, chance.choice(["x", "😀", "漢"]))
    else:
        starts = [0, *(match.end() for match in re.finditer("\n", text))]
        editor.insert(uri, chance.choice(starts), chance.choice(["# note\n", "# 😀\r\n", "\x0c\n"]))
