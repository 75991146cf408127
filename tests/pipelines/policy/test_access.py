"""What a policy refuses, and what it says then."""

from __future__ import annotations

from pathlib import Path

import pytest

from codefactory.pipelines.policy import DENY_ALL, AccessPolicy


def test_a_default_policy_allows_nothing(tmp_path: Path) -> None:
    assert "`read` folders" in (DENY_ALL.refuse_read(tmp_path) or "")
    assert "`write` folders" in (DENY_ALL.refuse_write(tmp_path) or "")
    assert DENY_ALL.refuse_host("example.com", 443) == (
        "the host `example.com:443` may not be reached: it is not in the policy's `hosts`; see `--allow-host`"
    )
    assert "`commands`" in (DENY_ALL.refuse_command("ls") or "")
    assert "`environment`" in (DENY_ALL.refuse_environment("HOME") or "")
    assert "`secrets`" in (DENY_ALL.refuse_secret("x") or "")


def test_a_path_is_judged_by_where_it_is(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    policy = AccessPolicy(read=(inside,), write=(inside,))
    assert policy.refuse_read(inside / "a" / ".." / "b") is None
    assert policy.refuse_read(inside / ".." / "out" / "x") is not None
    assert policy.refuse_read(inside / "link" / "x") is not None
    assert policy.refuse_write(inside / "link" / "x") is not None
    assert policy.refuse_write(inside / "a") is None


@pytest.mark.parametrize(
    "name", [".git", ".GIT", ".git.", ".git ", ".git::$INDEX_ALLOCATION", ".codefactory", ".vscode"]
)
def test_what_others_believe_is_protected(tmp_path: Path, name: str) -> None:
    policy = AccessPolicy(write=(tmp_path,))
    assert "protects" in (policy.refuse_write(tmp_path / "sub" / name / "hooks" / "pre-commit") or "")
    assert policy.refuse_write(tmp_path / "sub" / "a.git" / "x") is None


def test_protection_is_below_the_folder_that_was_allowed(tmp_path: Path) -> None:
    """A user may work in a folder whose own path has such a name."""
    root = tmp_path / ".vscode" / "extension"
    root.mkdir(parents=True)
    assert AccessPolicy(write=(root,)).refuse_write(root / "a.txt") is None


def test_folders_are_absolute() -> None:
    with pytest.raises(ValueError, match="x is not an absolute path"):
        AccessPolicy(read=(Path("x"),))
