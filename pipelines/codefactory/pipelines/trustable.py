"""`trustable()`: the files of a workspace that need trust, and what has become of each since."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from . import trust

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ".codefactory"
PATTERNS = ("pipelines/**/*.yaml", "pipelines/**/*.yml", "pipelines/**/*.json", "prompts/**/*", "tools/**/*.py")
"""In FOLDER."""
DEFINITIONS = (".yaml", ".yml", ".json")
SUFFIXES = (*DEFINITIONS, ".py", ".md", ".txt", ".j2", ".jinja")
"""Of pipelines, tools and prompts. Nothing else is asked of."""
MAX_FILES = 2_000

State = Literal["trusted", "changed", "new"]


@dataclass(frozen=True, slots=True)
class Trustable:
    """A file as it is now. `data` is what is trusted, if it is: not what the file may be later."""

    file: Path
    data: bytes
    state: State

    def difference(self) -> str:
        """To what was trusted last, as a unified diff; to nothing, if nothing was."""
        before = trust.trusted_copy(self.file) or b""
        old, new = (data.decode("utf-8", "replace").splitlines(keepends=True) for data in (before, self.data))
        lines = difflib.unified_diff(old, new, f"{self.file.name} (trusted)", f"{self.file.name} (now)")
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def trustable(path: Path) -> list[Trustable]:
    """Of a folder: its pyproject.toml, and pipelines, prompts and tools in `.codefactory`, with the files that the
    pipelines are made of. Of a file: that, and those it is made of. Raises OSError."""
    files: dict[Path, None] = {}
    if path.is_dir():
        if (path / "pyproject.toml").is_file():
            files[path / "pyproject.toml"] = None
        for pattern in PATTERNS:
            files |= dict.fromkeys(f for f in sorted((path / FOLDER).glob(pattern)) if f.is_file())
    elif path.name == "pyproject.toml" or path.suffix in SUFFIXES:
        files[path] = None
    for file in [f for f in files if f.suffix in DEFINITIONS]:
        files |= dict.fromkeys(_parts(file))
    if len(files) > MAX_FILES:
        raise OSError(f"{path} has more than {MAX_FILES} files that need trust; name those that you mean")
    unique = {file.resolve(): file for file in reversed(files)}
    return [_look(file) for file in reversed(unique.values())]


def _parts(file: Path) -> list[Path]:
    """The files that a definition is made of, without itself."""
    from .definitions import load

    return [part for part in load(file, trusted=True).files if part != file.resolve()]


def _look(file: Path) -> Trustable:
    data = file.read_bytes()
    if trust.is_trusted(file, data):
        return Trustable(file, data, "trusted")
    known = file.resolve() in trust.trusted_files()
    return Trustable(file, data, "changed" if known else "new")
