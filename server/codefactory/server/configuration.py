"""Which settings hold for a document: folders, what the editor says, secrets, and the projects they make.

Reading a project touches the disk and imports pydantic, so `project` is called in a thread; `known` answers at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codefactory.analyzers import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codefactory.pipelines.project import Project

SECTION = "codefactory"
WATCHED = ("pyproject.toml", "ruff.toml", ".ruff.toml", "bandit.yaml", "bandit.yml", ".bandit")
"""Files that change what is found."""
GRAPH_WATCHED = (
    "*.{py,pyi,pyw,ts,tsx,mts,cts,js,jsx,mjs,cjs,java,go,rs}",
    "{setup.cfg,tsconfig*.json,jsconfig*.json,package.json,go.mod,Cargo.toml,.gitignore}",
)
"""Files that the dependency graph is made of, besides."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A workspace folder."""

    uri: str
    name: str

    @property
    def path(self) -> Path | None:
        """None for a folder that is not on this machine."""
        path = Snapshot(self.uri, "", "").path
        return Path(path) if path else None


@dataclass(slots=True)
class _Values:
    folders: tuple[Folder, ...] = ()
    editor: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"])
    """Folder URI → the editor's settings for it; "" for documents outside of all folders."""
    secrets: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    projects: dict[tuple[Path | None, str], Project] = field(default_factory=dict[tuple["Path | None", str], "Project"])


class Configuration:
    """Changed by the event loop, read by any thread."""

    def __init__(self, on_problem: Callable[[str], None]) -> None:
        self._values = _Values()
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self.generation = 0
        """Grows with every change, so that a result can be seen to be from before it."""

    @property
    def folders(self) -> tuple[Folder, ...]:
        return self._values.folders

    def set_folders(self, folders: tuple[Folder, ...]) -> None:
        self._replace(folders=folders)

    def set_editor(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Folder URI → settings of the section "codefactory"; "" for everything else."""
        self._replace(editor=dict(settings))

    def set_secret(self, name: str, value: str | None) -> None:
        """A secret as a setting's name, "model.apiKey"; None forgets it. Held in memory only."""
        secrets = {k: v for k, v in self._values.secrets.items() if k != name}
        self._replace(secrets=secrets if value is None else secrets | {name: value})

    def reload(self) -> None:
        """Read projects from disk again when they are next asked for."""
        self._replace()

    def known(self, snapshot: Snapshot) -> Project | None:
        """The project of a document if it was read before."""
        return self._values.projects.get(self._key(snapshot))

    def project(self, snapshot: Snapshot) -> Project:
        """Blocks: reads the project from disk if need be. Raises nothing: what is wrong with it is in its problems."""
        values = self._values
        key = self._key(snapshot)
        with self._lock:
            found = values.projects.get(key)
            if found is None:
                found = values.projects[key] = _load(snapshot, self.folder(snapshot), key[1], values)
                for problem in found.problems:
                    self._on_problem(problem.message)
        return found

    def folder(self, snapshot: Snapshot) -> Folder | None:
        """The innermost workspace folder a document is in; for one that is no file the first one."""
        folders = self._values.folders
        if snapshot.path is None:
            return folders[0] if folders else None
        path = Path(snapshot.path)
        inside = [f for f in folders if f.path is not None and path.is_relative_to(f.path)]
        return max(inside, key=lambda f: len(f.uri), default=None)

    def _key(self, snapshot: Snapshot) -> tuple[Path | None, str]:
        folder = self.folder(snapshot)
        return (Path(snapshot.path).parent if snapshot.path else None), folder.uri if folder else ""

    def _replace(self, **changed: Any) -> None:
        """The same values with some `changed`, and no project read yet."""
        self._values = replace(self._values, projects={}, **changed)
        self.generation += 1


def _load(snapshot: Snapshot, folder: Folder | None, folder_uri: str, values: _Values) -> Project:
    from codefactory.pipelines import project
    from codefactory.pipelines.settings import Layer

    editor = values.editor.get(folder_uri, values.editor.get("", {}))
    layers = [Layer("editor settings", editor)]
    for name, secret in values.secrets.items():
        section, _, setting = name.partition(".")
        layers.append(Layer("the editor's secret storage", {section: {setting: secret}}))
    return project.load(_root(snapshot, folder), *layers)


def _root(snapshot: Snapshot, folder: Folder | None) -> Path:
    """The nearest project inside the workspace folder; a document outside of all folders has a project of its own."""
    from codefactory.pipelines.project import find_root

    top = folder.path if folder else None
    if snapshot.path is None:
        return top or Path.home()
    path = Path(snapshot.path)
    root = find_root(path.parent if path.parent.is_dir() else (top or Path.home()))
    return root if top is None or root.is_relative_to(top) else top
