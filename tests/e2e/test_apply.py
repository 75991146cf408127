"""Proposals reach a document by one way only, and never over what was typed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from editor import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

YAML = "import yaml\n\n\ndef load(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n\n\nDONE = True\n"
SAFE_YAML = YAML.replace("yaml.Loader", "yaml.SafeLoader")


async def propose(editor: Editor, uri: str) -> str:
    """A proposal for the buffer as it is, open; its id."""
    started = await editor.execute("codefactory.repairFile", {"uri": uri})
    job = await editor.job(started["job"])
    assert job["state"] == "done", job
    return job["result"]["proposal"]


async def test_a_repair_is_offered_and_applied_on_a_yes(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    editor.answer = "Apply"
    await propose(editor, uri)
    await editor.wait(lambda: editor.text(uri) == SAFE_YAML)
    assert "fixed by deterministic fixers. Apply?" in editor.questions[-1]


async def test_on_a_no_nothing_happens(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    editor.answer = "Discard"
    asked = len(editor.questions)
    proposal = await propose(editor, uri)
    await editor.wait(lambda: len(editor.questions) > asked)
    evidence = await editor.execute("codefactory.showEvidence", {"proposal": proposal})
    assert evidence["json"]["status"] in ("open", "rejected")
    assert editor.text(uri) == YAML


async def test_what_was_typed_elsewhere_stays(viewer: Editor, uri: str) -> None:
    viewer.open(uri, YAML)
    proposal = await propose(viewer, uri)
    viewer.insert(uri, 0, "# a comment 😀\n")
    viewer.replace(uri, viewer.text(uri).index("True"), viewer.text(uri).index("True") + 4, "False")
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert outcome["status"] == "applied"
    assert viewer.text(uri) == "# a comment 😀\n" + SAFE_YAML.replace("True", "False")
    again = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert again["status"] == "conflict"


async def test_over_what_was_typed_at_the_place_it_is_refused(viewer: Editor, uri: str) -> None:
    viewer.open(uri, YAML)
    proposal = await propose(viewer, uri)
    viewer.insert(uri, viewer.text(uri).index("stream, "), "my_")
    text = viewer.text(uri)
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert (outcome["status"], outcome["applied"]) == ("conflict", False)
    assert "line 5 was edited meanwhile" in outcome["message"]
    assert viewer.text(uri) == text
    assert viewer.edits == 0


async def test_a_moved_change_passes_the_gate_again(viewer: Editor, uri: str) -> None:
    """Away from the hunk, but the text as a whole does not get better by it any more."""
    viewer.open(uri, YAML)
    proposal = await propose(viewer, uri)
    viewer.insert(uri, 0, "# ruff: noqa\n# nosec\n")
    viewer.insert(uri, len(viewer.text(uri)), "def broken(:\n")
    text = viewer.text(uri)
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert outcome["status"] == "refused"
    assert viewer.text(uri) == text


async def test_typing_in_the_moment_of_the_edit_makes_it_try_again(viewer: Editor, uri: str) -> None:
    viewer.open(uri, YAML)
    proposal = await propose(viewer, uri)
    keys = iter("ab")

    def type_something() -> None:
        if (character := next(keys, None)) is not None:
            viewer.insert(uri, len(viewer.text(uri)), f"# {character}\n")

    viewer.before_edit = type_something
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert outcome["status"] == "applied"
    assert viewer.refusals == 2
    assert viewer.text(uri) == SAFE_YAML + "# a\n# b\n"


async def test_a_client_without_versioned_edits(project: Path, uri: str) -> None:
    async with serving(project, options={"preview": True}, versioned=False) as editor:
        editor.open(uri, YAML)
        proposal = await propose(editor, uri)
        editor.insert(uri, 0, "\n")
        assert (await editor.execute("codefactory.applyProposal", {"proposal": proposal}))["status"] == "applied"
        assert editor.text(uri) == "\n" + SAFE_YAML


async def test_an_editor_that_refuses(viewer: Editor, uri: str) -> None:
    viewer.open(uri, YAML)
    proposal = await propose(viewer, uri)
    viewer.before_edit = lambda: setattr(viewer.buffers[uri], "version", 99)
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert outcome["status"] == "rejected"
    assert "another version" in outcome["message"]


async def test_an_editor_that_lies(viewer: Editor, uri: str) -> None:
    viewer.open(uri, YAML)
    proposal = await propose(viewer, uri)
    viewer.apply_edits = lambda _uri, _edits: None
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal})
    assert outcome["status"] == "unverified"
    assert "cannot be seen" in outcome["message"]


async def test_a_closed_file(viewer: Editor, write: Callable[[str, str], str]) -> None:
    uri = write("closed.py", YAML)
    proposal = await propose(viewer, uri)
    write("closed.py", "# changed on disk\n" + YAML)
    assert (await viewer.execute("codefactory.applyProposal", {"proposal": proposal}))["status"] == "applied"
    assert viewer.text(uri) == "# changed on disk\n" + SAFE_YAML


async def test_some_hunks_only(viewer: Editor, uri: str) -> None:
    two = YAML + "\n\ndef again(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n"
    viewer.open(uri, two)
    proposal = await propose(viewer, uri)
    shown = await viewer.request("codefactory/proposal", {"id": proposal})
    assert (shown["before"], shown["after"]) == (two, two.replace("yaml.Loader", "yaml.SafeLoader"))
    assert [hunk["range"]["start"]["line"] for hunk in shown["hunks"]] == [4, 11]
    outcome = await viewer.execute("codefactory.applyProposal", {"proposal": proposal, "hunks": [1]})
    assert outcome["status"] == "applied"
    assert viewer.text(uri) == two[:-20] + two[-20:].replace("yaml.Loader", "yaml.SafeLoader")
    again = await viewer.execute("codefactory.applyProposal", {"proposal": proposal, "hunks": [1]})
    assert (again["status"], again["message"]) == ("conflict", "This was decided before. Nothing was changed.")
    assert await viewer.execute("codefactory.discardProposal", {"proposal": proposal, "hunks": [0]}) is True
    assert await viewer.execute("codefactory.discardProposal", {"proposal": proposal}) is False
    evidence = (await viewer.execute("codefactory.showEvidence", {"uri": uri}))["json"]
    assert (evidence["id"], evidence["status"]) == (proposal, "partly applied")
    assert [hunk["status"] for hunk in evidence["hunks"]] == ["rejected", "applied"]


async def test_the_rest_of_a_proposal(viewer: Editor, uri: str) -> None:
    two = YAML + "\n\ndef again(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n"
    viewer.open(uri, two)
    proposal = await propose(viewer, uri)
    await viewer.execute("codefactory.applyProposal", {"proposal": proposal, "hunks": [0]})
    assert (await viewer.execute("codefactory.applyProposal", {"proposal": proposal}))["status"] == "applied"
    assert viewer.text(uri) == two.replace("yaml.Loader", "yaml.SafeLoader")
    assert (await viewer.execute("codefactory.showEvidence"))["json"]["status"] == "applied"


async def test_a_whole_workspace(tmp_path: Path, write: Callable[[str, str], str]) -> None:
    first, second, clean = write("a.py", YAML), write("b.py", YAML), write("c.py", "X = 1\n")
    async with serving(tmp_path) as editor:
        editor.open(first, YAML + "# not saved\n")
        job = await editor.job((await editor.execute("codefactory.repairWorkspace"))["job"])
        assert len(job["result"]["proposals"]) == 2
        await editor.wait(lambda: second in editor.buffers and editor.text(second) == SAFE_YAML)
        assert editor.text(first) == SAFE_YAML + "# not saved\n"
        assert editor.questions == ["Code Factory: 2 files can be repaired. Apply?"]
        assert clean not in editor.buffers
