from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import git

from codefactory.server.selection import SelectionError, select

if TYPE_CHECKING:
    from pathlib import Path


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def names(root: Path, *paths: str, changed_since: str | None = None) -> list[str]:
    selected = select([root / p for p in paths or (".",)], changed_since)
    return [s.path.resolve().relative_to(root.resolve()).as_posix() for s in selected]


@pytest.fixture(params=["git", "walked"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    if request.param == "git":
        git("init", "-q", cwd=root)
    return root


def test_what_is_ignored_is_left_out(root: Path) -> None:
    make(root, "a.py", "built/b.py", "sub/c.py", "sub/secret.py", "sub/keep/secret.py", "node_modules/d.js", "e.min.js")
    (root / ".gitignore").write_text("built/\n*.min.js\n")
    (root / "sub" / ".gitignore").write_text("secret.py\n!keep/secret.py\n")
    assert names(root) == ["a.py", "sub/c.py", "sub/keep/secret.py"]


def test_named_files_and_folders_are_taken_though_ignored(root: Path) -> None:
    make(root, "built/b.py")
    (root / ".gitignore").write_text("built/\n")
    assert names(root, "built/b.py") == ["built/b.py"]
    assert names(root, "built") == ["built/b.py"]


def test_each_file_once_and_only_known_languages(root: Path) -> None:
    make(root, "a.py", "b.txt", "page.html", "c.js")
    (root / "script").write_text("#!/usr/bin/env python3\n")
    (root / "run").write_text("#!/bin/sh\n")
    assert names(root, "c.js", ".", "a.py") == ["c.js", "a.py", "run", "script"]
    assert [s.language for s in select([root / "script", root / "run"])] == ["python", "shellscript"]
    assert names(root, "page.html", "b.txt") == ["page.html", "b.txt"]


def test_symlinks_do_not_lead_out(root: Path, tmp_path: Path) -> None:
    make(tmp_path, "outside/secret.py")
    (root / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    (root / "folder").symlink_to(tmp_path / "outside")
    assert names(root) == []


def test_missing_paths_are_said(root: Path) -> None:
    with pytest.raises(SelectionError, match=r"none\.py does not exist"):
        select([root / "none.py"])


def test_a_virtual_environment_is_no_code_of_the_project(tmp_path: Path) -> None:
    make(tmp_path, "env/lib/x.py", "a.py")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert names(tmp_path) == ["a.py"]


def test_changed_files_since_the_merge_base(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "b.py", "c.py")
    git("init", "-q", cwd=tmp_path)
    git("add", ".", cwd=tmp_path)
    git("commit", "-qm", "one", cwd=tmp_path)
    git("checkout", "-qb", "work", cwd=tmp_path)
    (tmp_path / "a.py").write_text("y = 1\n")
    git("commit", "-qam", "two", cwd=tmp_path)
    (tmp_path / "b.py").write_text("y = 1\n")
    make(tmp_path, "neu é.py")
    assert names(tmp_path, changed_since="HEAD") == ["b.py", "neu é.py"]
    assert names(tmp_path, changed_since="main") == ["a.py", "b.py", "neu é.py"]
    for revision in ("none", "--output=x"):
        with pytest.raises(SelectionError, match="no revision"):
            select([tmp_path], revision)
    assert not (tmp_path / "x").exists()


def test_changed_needs_a_repository(tmp_path: Path) -> None:
    make(tmp_path, "a.py")
    with pytest.raises(SelectionError, match="git repository"):
        select([tmp_path], "HEAD")


def test_a_repository_cannot_start_a_program(tmp_path: Path) -> None:
    make(tmp_path, "a.py")
    git("init", "-q", cwd=tmp_path)
    git("config", "core.fsmonitor", f"touch {tmp_path / 'started'}; false", cwd=tmp_path)
    assert names(tmp_path) == ["a.py"]
    names(tmp_path, "a.py")
    assert not (tmp_path / "started").exists()
