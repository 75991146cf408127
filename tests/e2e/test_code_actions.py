"""Code actions and the commands they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from editor import codes, serving

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor
    from lsprotocol import types

pytestmark = pytest.mark.asyncio(loop_scope="session")

YAML = "import yaml\n\n\ndef load(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n"
SAFE_YAML = YAML.replace("Loader=yaml.Loader", "Loader=yaml.SafeLoader")


def titled(actions: list[types.CodeAction], part: str) -> types.CodeAction:
    found = [action for action in actions if part in action.title]
    assert len(found) == 1, [action.title for action in actions]
    return found[0]


async def fix(editor: Editor, uri: str, part: str) -> types.CodeAction:
    """The preferred action on the line of `part`."""
    actions = await editor.actions(uri, editor.text(uri).index(part))
    (preferred,) = [action for action in actions if action.is_preferred]
    return preferred


async def test_a_deterministic_fix_is_preferred_and_applied(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    action = await fix(editor, uri, "yaml.load(")
    assert action.edit is None  # nothing that an editor would apply without looking at the version
    assert "(review" in action.title
    assert [d.code for d in action.diagnostics or ()] == ["B506"]
    outcome = await editor.run(action.command)
    assert outcome["status"] == "applied"
    assert editor.text(uri) == SAFE_YAML
    await editor.codes(uri)
    evidence = await editor.execute("codefactory.showEvidence", {"uri": uri})
    assert {f["code"] for f in evidence["json"]["evidence"]["fixed"]} == {"B506", "S506"}
    assert "B506" in evidence["markdown"]


async def test_only_what_stands_at_the_place_is_offered(editor: Editor, uri: str) -> None:
    editor.open(uri, "import os\n" + YAML)
    await editor.codes(uri, "F401", "B506")
    first = await editor.actions(uri, 0, only=["quickfix"])
    assert {d.code for action in first for d in action.diagnostics or ()} == {"F401"}
    both = await editor.actions(uri, 0, len(editor.text(uri)), only=["quickfix"])
    assert {d.code for action in both for d in action.diagnostics or ()} == {"F401", "B506"}


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (["quickfix"], {"quickfix"}),
        (["source"], {"source.fixAll.codefactory"}),
        (["source.fixAll"], {"source.fixAll.codefactory"}),
        (["source.fixAll.codefactory"], {"source.fixAll.codefactory"}),
        (["source.fixAll.ruff"], set()),
        (["refactor"], set()),
        (None, {"quickfix", "source.fixAll.codefactory"}),
    ],
)
async def test_kinds(editor: Editor, uri: str, only: list[str] | None, kinds: set[str]) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    actions = await editor.actions(uri, YAML.index("yaml.load("), only=only)
    assert {str(getattr(a.kind, "value", a.kind)) for a in actions} == kinds


async def test_without_a_model_its_action_says_what_to_set(editor: Editor, uri: str) -> None:
    editor.open(uri, "eval(input())\n")
    await editor.codes(uri, "B307")
    action = titled(await editor.actions(uri, 0), "with a model")
    assert action.command is None
    assert action.disabled is not None
    assert "codefactory.model.name" in action.disabled.reason


async def test_fix_all_makes_the_safe_fixes_only(editor: Editor, uri: str) -> None:
    editor.open(uri, "import os\nimport sys\n" + YAML)
    await editor.codes(uri, "F401", "F401", "B506")
    (action,) = await editor.actions(uri, 0, only=["source.fixAll"])
    assert (await editor.run(action.command))["status"] == "applied"
    assert editor.text(uri) == YAML
    assert (await editor.run(action.command))["status"] == "unchanged"


async def test_all_of_a_rule(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML + YAML.replace("import yaml\n", ""))
    await editor.codes(uri, "B506", "B506", "F811")
    action = titled(await editor.actions(uri, YAML.index("yaml.load(")), "Fix all 2 B506")
    assert (await editor.run(action.command))["status"] == "applied"
    assert editor.text(uri) == SAFE_YAML + SAFE_YAML.replace("import yaml\n", "")


async def test_an_action_taken_from_an_older_version_fits_the_text_as_it_is(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    action = await fix(editor, uri, "yaml.load(")
    editor.insert(uri, 0, "# 😀 moved\n\n")
    assert (await editor.run(action.command))["status"] == "applied"
    assert editor.text(uri) == "# 😀 moved\n\n" + SAFE_YAML


async def test_an_action_whose_finding_is_gone_changes_nothing(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    action = await fix(editor, uri, "yaml.load(")
    editor.replace(uri, YAML.index("yaml.load("), len(YAML), "stream.read()\n")
    text = editor.text(uri)
    assert (await editor.run(action.command))["status"] == "conflict"
    assert editor.text(uri) == text


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_units_and_line_endings(project: Path, uri: str, encoding: str, newline: str) -> None:
    text = YAML.replace("stream, ", "stream or '漢😀', ").replace("\n", newline)
    async with serving(project, encoding=encoding) as editor:
        editor.open(uri, text)
        found = await editor.diagnostics(uri, lambda d: codes(d) == ["B506"])
        assert editor.offset(text, found[0].range.start) == text.index("yaml.load(")
        assert editor.offset(text, found[0].range.end) == text.index("Loader)") + len("Loader)")
        action = await fix(editor, uri, "yaml.load(")
        assert (await editor.run(action.command))["status"] == "applied"
        assert editor.text(uri) == text.replace("Loader=yaml.Loader", "Loader=yaml.SafeLoader")


@pytest.mark.parametrize("name", ["untitled:Untitled-3", "vscode-notebook-cell:/book.ipynb#W0"])
async def test_documents_that_are_no_files(editor: Editor, name: str) -> None:
    editor.open(name, YAML)
    await editor.codes(name, "B506")
    action = await fix(editor, name, "yaml.load(")
    assert (await editor.run(action.command))["status"] == "applied"
    assert editor.text(name) == SAFE_YAML
    editor.close(name)


async def test_suppressing_with_a_reason(editor: Editor, uri: str) -> None:
    editor.open(uri, YAML)
    await editor.codes(uri, "B506")
    action = titled(await editor.actions(uri, YAML.index("yaml.load(")), "Suppress B506 and S506")
    assert action.command is not None
    arguments = (action.command.arguments or [])[0] | {"reason": "our own\nfile # always"}
    assert (await editor.execute(action.command.command, arguments))["status"] == "applied"
    line = "    return yaml.load(stream, Loader=yaml.Loader)  # noqa: S506  # nosec B506  # our own file always\n"
    assert editor.text(uri).splitlines(keepends=True)[4] == line
    await editor.diagnostics(uri, lambda d: "B506" not in codes(d) and "S506" not in codes(d))


async def test_what_no_comment_can_suppress_is_left_and_said(editor: Editor, uri: str) -> None:
    text = "y = eval('1') + \\\n    1\n"  # bandit looks at the first line, where no comment can stand
    editor.open(uri, text)
    await editor.codes(uri, "B307")
    action = titled(await editor.actions(uri, 0), "Suppress B307")
    outcome = await editor.run(action.command)
    assert outcome["status"] == "refused"
    assert "cannot be suppressed by a comment here" in outcome["message"]
    assert editor.text(uri) == text
