"""`codefactory trust` of prompts; of settings see `test_doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from command_line import codefactory

if TYPE_CHECKING:
    from pathlib import Path


def test_a_projects_prompts_are_shown_and_trusted_with_its_settings(tmp_path: Path) -> None:
    root = tmp_path / "project"
    prompts = root / ".codefactory" / "prompts"
    prompts.mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.codefactory.model]\nname = "openai/x"\n')
    (prompts / "explain-system.md").write_text("Be brief.\n\x1b[31m")
    shown = codefactory("trust", "--show", cwd=root).stdout.decode()
    assert "explain-system.md is not trusted. It would be what models are asked:\n  Be brief." in shown
    assert "\x1b[31m" not in shown
    done = codefactory("trust", "--yes", cwd=root).stdout.decode()
    assert done.count(" is trusted.") == 2
    assert "It is what models are asked." in codefactory("trust", "--show", cwd=root).stdout.decode()
    file = prompts / "explain-system.md"
    assert "is no longer trusted" in codefactory("trust", "--revoke", str(file), cwd=root).stdout.decode()
    assert "would be what models are asked" in codefactory("trust", "--show", str(file), cwd=root).stdout.decode()


def test_nothing_else_can_be_trusted(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / ".codefactory").mkdir(parents=True)
    (root / "notes.md").write_text("x")
    for arguments in (["."], ["notes.md"]):
        done = codefactory("trust", "--yes", *arguments, cwd=root)
        assert done.returncode == 2
        assert b".codefactory/prompts" in done.stderr
