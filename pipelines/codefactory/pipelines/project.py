"""`Project`: a workspace folder with its settings and the configuration of its analyzers."""

from __future__ import annotations

import configparser
import fnmatch
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codefactory.analyzers import Options, Problem
from codefactory.analyzers.bandit import BanditOptions
from codefactory.analyzers.ruff import RuffOptions

from . import settings as settings_module

if TYPE_CHECKING:
    from pathlib import Path

    from .settings import Layer, Settings

MARKERS = ("pyproject.toml", ".git", ".hg", "setup.cfg", "setup.py", "package.json", "go.mod", "Cargo.toml")


@dataclass(frozen=True)
class Project:
    """Read once; read again when one of its files changes."""

    root: Path
    settings: Settings
    bandit_config: dict[str, Any]
    problems: tuple[Problem, ...] = ()

    def options(self, path: Path | None) -> Options:
        """How a file of this project is analyzed; None for a document that is no file."""
        enabled = self.settings.diagnostics.enable
        if path is not None and self._bandit_excludes(path):
            enabled = tuple(name for name in enabled if name != "bandit")
        ruff, bandit = self.settings.ruff, self.settings.bandit
        return Options(
            enabled,
            RuffOptions(ruff.path, ruff.arguments, ruff.timeout_s),
            BanditOptions(self.bandit_config, bandit.max_bytes),
        )

    def _bandit_excludes(self, path: Path) -> bool:
        """bandit's `exclude_dirs`: a folder's path or a glob, relative to the project."""
        relative = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()
        for pattern in self.bandit_config.get("exclude_dirs") or ():
            plain = str(pattern).removeprefix("./").strip("/")
            if fnmatch.fnmatch(relative, plain) or f"/{plain}/" in f"/{relative}":
                return True
        return False


def find_root(path: Path) -> Path:
    """The nearest folder at or above `path` that looks like a project; else the folder itself."""
    start = path if path.is_dir() else path.parent
    return next((f for f in (start, *start.parents) if any((f / m).exists() for m in MARKERS)), start)


def load(root: Path, *layers: Layer) -> Project:
    """Read a project's settings and configuration from disk; `layers` (editor, command line) win over both."""
    user, user_problems = settings_module.user_layer()
    workspace, workspace_problems = settings_module.workspace_layer(root)
    settings, problems = settings_module.resolve((user, workspace, *layers))
    config, config_problems = _bandit_config(root)
    return Project(root, settings, config, (*user_problems, *workspace_problems, *problems, *config_problems))


def _bandit_config(root: Path) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """`[tool.bandit]` in pyproject.toml, else bandit.yaml, else .bandit: where bandit's users keep it."""
    for name, read in (
        ("pyproject.toml", _pyproject),
        ("bandit.yaml", _yaml),
        ("bandit.yml", _yaml),
        (".bandit", _ini),
    ):
        path = root / name
        try:
            found = read(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, configparser.Error) as error:
            message = f"bandit's configuration in {path} cannot be read: {error}"
            return {}, (Problem("bandit", "configuration", message),)
        if found is not None:
            return found, ()
    return {}, ()


def _pyproject(text: str) -> dict[str, Any] | None:
    tool: Any = tomllib.loads(text).get("tool", {})
    if not isinstance(tool, dict):
        raise ValueError("[tool] is not a table")
    return tool.get("bandit")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _yaml(text: str) -> dict[str, Any] | None:
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if data is not None and not isinstance(data, dict):
        raise ValueError("it is not a mapping")
    return data  # pyright: ignore[reportUnknownVariableType]


def _ini(text: str) -> dict[str, Any] | None:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    if not parser.has_section("bandit"):
        return None
    values = {key: [v.strip() for v in value.split(",") if v.strip()] for key, value in parser.items("bandit")}
    if "exclude" in values:
        values["exclude_dirs"] = values.pop("exclude")
    return dict(values)
