"""Which files a command is about: the paths a user names, less what git ignores.

In a git repository git itself says which files are in it (`git ls-files`). Elsewhere folders are walked and their
`.gitignore` files read. A file named by itself is always taken.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.analyzers import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ALWAYS_SKIPPED = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
)
"""Folders that hold no code of the project, even where no ignore file says so."""

TEMPLATED = frozenset({"html", "css"})
"""Languages whose files are often templates of another one: in a folder's files a grammar finds mistakes in most of
them that are none (on django, 129 of 129). Checked when they are named."""

_GIT_TIMEOUT_S = 60


class SelectionError(ValueError):
    """A path or a revision that does not exist. The message names it."""


@dataclass(frozen=True, slots=True)
class Selected:
    path: Path
    language: str
    named: bool
    """Whether the user named this very file."""


def select(paths: Iterable[Path], changed_since: str | None = None) -> list[Selected]:
    """The files to work on, each once, in the order given and sorted within a folder.

    Of a folder, those files whose language is known by name or by a `#!` line. `changed_since`: only what differs from
    the merge base with that revision, new files included. Raises SelectionError.
    """
    found: dict[str, Selected] = {}
    for path in paths:
        if not path.exists():
            raise SelectionError(f"{path} does not exist")
        for selected in _under(path) if path.is_dir() else [Selected(path, _language(path), named=True)]:
            found.setdefault(os.path.normcase(selected.path.absolute()), selected)
    if changed_since is None:
        return list(found.values())
    changed: set[str] = set()
    for root in {repository_of(s.path) for s in found.values()}:
        if root is None:
            raise SelectionError("--changed needs a git repository, and some of these files are in none")
        changed |= _changed(root, changed_since)
    return [s for s in found.values() if os.path.normcase(os.path.realpath(s.path)) in changed]


def repository_of(path: Path) -> Path | None:
    """The git repository's top folder; None where there is none, or no git."""
    folder = path if path.is_dir() else path.parent
    if not any((f / ".git").exists() for f in (folder.absolute(), *folder.absolute().parents)):
        return None
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Path(os.fsdecode(top).rstrip("\n")) if top else None


def _under(folder: Path) -> Iterator[Selected]:
    names = _listed_by_git(folder)
    for path in sorted(_walk(folder) if names is None else names):
        relative = path.relative_to(folder)
        if not ALWAYS_SKIPPED.isdisjoint(relative.parts) or path.is_symlink():
            continue
        if path.is_dir():  # a submodule
            yield from _under(path)
        elif path.is_file() and (language := _language(path)) not in ("plaintext", *TEMPLATED):
            yield Selected(path, language, named=False)


def _listed_by_git(folder: Path) -> list[Path] | None:
    """None when git cannot say: no repository, no git, or a folder that is itself ignored but was asked for."""
    if repository_of(folder) is None or _git(folder, "check-ignore", "--quiet", ".") is not None:
        return None
    out = _git(folder, "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z")
    return None if out is None else [folder / os.fsdecode(name) for name in out.split(b"\0") if name]


def _walk(top: Path) -> Iterator[Path]:
    from pathspec import GitIgnoreSpec

    specs: list[tuple[Path, GitIgnoreSpec]] = []
    for name, folders, files in os.walk(top):
        folder = Path(name)
        specs = [(base, spec) for base, spec in specs if folder.is_relative_to(base)]
        if ".gitignore" in files:
            lines = (folder / ".gitignore").read_text("utf-8", "replace").splitlines()
            specs.append((folder, GitIgnoreSpec.from_lines(lines)))

        def ignored(path: Path, suffix: str = "", specs: Sequence[tuple[Path, GitIgnoreSpec]] = tuple(specs)) -> bool:
            # The nearest file that says anything decides, as in git.
            for base, spec in reversed(specs):
                verdict = spec.check_file(path.relative_to(base).as_posix() + suffix).include
                if verdict is not None:
                    return verdict
            return False

        folders[:] = sorted(
            f
            for f in folders
            if f not in ALWAYS_SKIPPED
            and not (folder / f / "pyvenv.cfg").exists()
            and not (folder / f).is_symlink()
            and not ignored(folder / f, "/")
        )
        yield from (folder / f for f in files if not ignored(folder / f))


def _language(path: Path) -> str:
    language = language_of(path.name)
    if language != "plaintext" or path.suffix:
        return language
    try:
        with path.open("rb") as stream:
            first = stream.readline(128)
    except OSError:
        return language
    if not first.startswith(b"#!"):
        return language
    if b"python" in first:
        return "python"
    return "shellscript" if first.rstrip().endswith(b"sh") else language


def _changed(root: Path, revision: str) -> set[str]:
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise SelectionError(f"git knows no revision {revision!r} in {root}")
    base = _git(root, "merge-base", os.fsdecode(commit).strip(), "HEAD") or commit
    differing = _git(root, "diff", "--name-only", "-z", "--no-ext-diff", os.fsdecode(base).strip(), "--") or b""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z") or b""
    names = (os.fsdecode(name) for name in (differing + untracked).split(b"\0") if name)
    return {os.path.normcase(os.path.realpath(root / name)) for name in names}


def _git(folder: Path, *arguments: str) -> bytes | None:
    """git's output; None when it fails. A repository's configuration must not be able to start a program."""
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
