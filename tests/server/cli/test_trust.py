"""`codefactory trust`: pipelines with what they contain, prompts, tools; differences; the list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from codefactory.server.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

OUTER = "version: 1\nname: outer\nsteps: {a: {type: pipeline, with: {path: inner.yaml}}}\n"
INNER = "version: 1\nname: inner\nsteps: {a: {type: function, with: {call: 'json:dumps', arguments: {obj: [1]}}}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "project"
    pipelines = root / ".codefactory" / "pipelines"
    pipelines.mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.codefactory.model]\nname = 'x'\n")
    (pipelines / "outer.yaml").write_text(OUTER)
    (pipelines / "inner.yaml").write_text(INNER)
    monkeypatch.chdir(root)
    return pipelines


def run(*arguments: str, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(arguments), input=text, standalone_mode=False)
    code = result.return_value if isinstance(result.return_value, int) else result.exit_code
    return code, result.output


def test_a_pipeline_is_trusted_with_what_it_contains(folder: Path) -> None:
    assert run("run", str(folder / "outer.yaml"), "-q", "--no-store")[0] == 2
    code, text = run("trust", str(folder / "outer.yaml"), text="y\n")
    assert (code, text.count(" is trusted.")) == (0, 2)
    assert "  +version: 1" in text
    code, text = run("run", str(folder / "outer.yaml"), "-q", "--no-store")
    assert (code, json.loads(text)) == (0, {"a": {"a": "[1]"}})


def test_a_change_is_shown_and_asked_for(folder: Path) -> None:
    run("trust", "--yes")
    (folder / "inner.yaml").write_text(INNER.replace("[1]", "[2]"))
    assert run("run", str(folder / "outer.yaml"), "-q", "--no-store")[0] == 2
    _, listed = run("trust", "--list")
    assert f"{folder / 'inner.yaml'}  changed since" in listed
    _, shown = run("trust", "--show")
    assert "outer.yaml is trusted." in shown
    assert "inner.yaml has changed since you trusted it:" in shown
    assert "[2]" in next(line for line in shown.splitlines() if line.startswith("  +steps"))
    assert "[1]" in next(line for line in shown.splitlines() if line.startswith("  -steps"))


def test_a_whole_project_and_revoking(folder: Path) -> None:
    prompts = folder.parent / "prompts"
    prompts.mkdir()
    (prompts / "review.md").write_text("Review {{ x }}.")
    (folder.parent / "tools").mkdir()
    (folder.parent / "tools" / "count.py").write_text("def count(): ...\n")
    code, text = run("trust", "--yes")
    assert (code, text.count(" is trusted.\n")) == (0, 5)
    assert "no longer trusted" in run("trust", "--revoke", str(prompts / "review.md"))[1]
    assert "review.md" not in run("trust", "--list")[1]
