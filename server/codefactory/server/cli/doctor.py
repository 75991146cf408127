"""`codefactory doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codefactory.pipelines.project import Project

State = Literal["ok", "note", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. "missing" is essential; "note" only limits what can be done."""

    name: str
    state: State
    value: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    value: Any
    origin: str


@click.command("doctor")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True))
@click.option("--format", "-f", "output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(path: Path, output: Literal["human", "json"]) -> int:
    """Look at this machine and at the project in PATH. The exit code is 1 when something essential is missing."""
    from codefactory.pipelines import project

    from . import terminal

    loaded = project.load(project.find_root(path.absolute()))
    checks = [*_tools(), *_grammars(), _worker(), *_sandboxes(loaded), *_folders(), *_project(loaded)]
    settings = list(_settings(loaded.root))
    if output == "json":
        terminal.print_json(
            {
                "version": 1,
                "checks": [
                    {"name": c.name, "state": c.state, "value": c.value, "remedy": c.remedy or None} for c in checks
                ],
                "settings": {s.name: {"value": s.value, "origin": s.origin} for s in settings},
            }
        )
    else:
        _print(checks, settings)
    return 1 if any(c.state == "missing" for c in checks) else 0


def _tools() -> Iterator[Check]:
    from codefactory.analyzers import ruff

    yield Check("Code Factory", "ok", version("codefactory"))
    enough = sys.version_info >= (3, 11)
    yield Check("Python", "ok" if enough else "missing", f"{platform.python_version()} ({sys.executable})")
    executable = ruff.find_executable()
    if executable:
        yield Check("ruff", "ok", f"{ruff.version(executable).removeprefix('ruff ')} ({executable})")
    else:
        yield Check("ruff", "missing", "not found", "pip install ruff")
    for name in ("bandit", "libcst"):
        yield _distribution(name, essential=True)
    yield _distribution("litellm", essential=False)
    yield _distribution("xllamacpp", essential=False, remedy="pip install xllamacpp, to run models on this machine")
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
        yield Check("git", "ok", done.stdout.strip().removeprefix("git version "))
    except (OSError, subprocess.SubprocessError):
        yield Check("git", "note", "not found", "Without git, folders are walked and --changed does not work.")


def _distribution(name: str, *, essential: bool, remedy: str = "") -> Check:
    """Without importing it: litellm's import takes seconds."""
    try:
        found = version(name) if find_spec(name) else None
    except PackageNotFoundError:
        found = None
    if found:
        return Check(name, "ok", found)
    return Check(name, "missing" if essential else "note", "not installed", remedy or f"pip install {name}")


def _grammars() -> Iterator[Check]:
    from codefactory.analyzers import syntax

    broken: dict[str, str] = {}
    for language, grammar in syntax.GRAMMARS.items():
        try:
            syntax.load_language(language)
        except (ImportError, ValueError, AttributeError) as error:
            broken[grammar.module.replace("_", "-")] = str(error)
    loaded = len({g.module for g in syntax.GRAMMARS.values()}) - len(broken)
    if broken:
        yield Check("grammars", "note", f"{loaded} load, not {', '.join(broken)}", f"pip install {' '.join(broken)}")
    else:
        yield Check("grammars", "ok", f"{loaded} for {len(syntax.GRAMMARS)} languages")


def _worker() -> Check:
    from codefactory.analyzers import Analyzers
    from codefactory.analyzers.worker import WorkerError

    analyzers = Analyzers()
    started = time.perf_counter()
    try:
        analyzers.warm_up()
    except WorkerError as error:
        return Check(
            "worker process", "missing", str(error), f"{sys.executable} -I -m codefactory.analyzers must start"
        )
    finally:
        analyzers.close()
    return Check("worker process", "ok", f"ready in {time.perf_counter() - started:.2f} s")


def _sandboxes(project: Project) -> Iterator[Check]:
    """What `code` steps run in, what else there is, and what the project's tests run in."""
    import asyncio

    from codefactory.pipelines.sandbox import SandboxUnavailableError, chosen, survey

    found = asyncio.run(survey())
    try:
        yield Check("sandbox", "ok", asyncio.run(chosen()).detail)
    except SandboxUnavailableError as error:
        yield Check("sandbox", "note", "none works here: code steps are refused", str(error))
    for each in found:
        if each.sandbox is None:
            yield Check(f"sandbox: {each.name}", "note", f"not available: {each.reason}", _INSTALL.get(each.name, ""))
    if project.settings.tests.command:
        walled = project.settings.tests.sandbox == "auto" and any(f.sandbox and f.name == "bubblewrap" for f in found)
        where = "in bubblewrap" if walled else "without a sandbox"
        yield Check("project's tests", "ok" if walled else "note", f"run {where}", _INSTALL["bubblewrap"])


_INSTALL = {"bubblewrap": "apt, dnf or pacman install bubblewrap"}


def _folders() -> Iterator[Check]:
    import platformdirs

    for name, folder in (
        ("configuration", platformdirs.user_config_dir("codefactory")),
        ("cache", platformdirs.user_cache_dir("codefactory")),
    ):
        path = Path(folder)
        nearest = next(p for p in (path, *path.parents) if p.exists())
        try:
            with tempfile.TemporaryFile(dir=nearest):
                yield Check(f"{name} folder", "ok", str(path))
        except OSError as error:
            yield Check(f"{name} folder", "note", f"{path} is not writable", error.strerror or "")


def _project(project: Project) -> Iterator[Check]:
    from codefactory.pipelines import trust

    from .trust import restricted_settings

    yield Check("project", "ok", str(project.root))
    file = project.root / "pyproject.toml"
    if file.is_file():
        if trust.is_trusted(file, file.read_bytes()):
            yield Check("trust", "ok", f"{file} is trusted as it is")
        elif restricted := restricted_settings(project.root):
            yield Check("trust", "note", f"ignored until trusted: {', '.join(restricted)}", f"codefactory trust {file}")
        else:
            yield Check("trust", "ok", "not needed: the project sets nothing that needs it")
    for problem in project.problems:
        if problem.kind != "untrusted":
            yield Check("settings", "missing", problem.message)
    yield _model(project)


def _model(project: Project) -> Check:
    from codefactory.pipelines.models import ModelError
    from codefactory.pipelines.models.configured import NAMED, choose_model, is_on_this_machine

    chosen = project.settings.model
    try:
        choice = asyncio.run(choose_model(project.settings))
    except ModelError as error:
        return Check("model", "missing", f"{chosen.name} cannot be used", str(error))
    if choice.model is None:
        return Check("model", "note", "none; only deterministic fixes are tried", choice.why)
    if chosen.name is None or is_on_this_machine(chosen.name):
        return Check("model", "ok", str(choice) if choice.why != NAMED else chosen.name or "")
    where = f"{chosen.name}{f' at {chosen.api_base}' if chosen.api_base else ''}"
    if chosen.api_key is not None:
        return Check("model", "ok", f"{where}; its key is in the settings")
    # Providers' own variables, as litellm reads them; a server of one's own may need no key.
    names = [chosen.api_key_env] if chosen.api_key_env else [f"{chosen.name.partition('/')[0].upper()}_API_KEY"]
    if any(os.environ.get(name) for name in names):
        return Check("model", "ok", f"{where}; {names[0]} is set")
    if chosen.api_base and not chosen.api_key_env:
        return Check("model", "ok", f"{where}; no key")
    return Check("model", "note", f"{where}; {names[0]} is not set", f"export {names[0]}=…")


def _settings(root: Path) -> Iterator[Setting]:
    """Every setting in force, and the layer it comes from."""
    from codefactory.pipelines.settings import Settings, resolve, user_layer, workspace_layer

    layers = [user_layer()[0], workspace_layer(root)[0]]
    alone = [(layer.origin, resolve([layer])[0].model_dump(mode="json", exclude_unset=True)) for layer in layers]
    in_force = resolve(layers)[0].model_dump(mode="json")
    for section in Settings.model_fields:
        for key, value in in_force[section].items():
            origin = next((name for name, values in reversed(alone) if key in values.get(section, {})), "default")
            yield Setting(f"{section}.{key}", value, origin)


def _print(checks: Sequence[Check], settings: Sequence[Setting]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from . import terminal

    out = terminal.console()
    marks = {"ok": ("✓", "green"), "note": ("–", "yellow"), "missing": ("✗", "bold red")}
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(ratio=1, overflow="fold")
    for check in checks:
        value = Text(terminal.safe(check.value))
        if check.remedy and check.state != "ok":
            value.append(f"\n→ {terminal.safe(check.remedy)}", "yellow")
        grid.add_row(Text(*marks[check.state]), check.name, value)
    out.print(grid)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("setting")
    table.add_column("value", overflow="fold")
    table.add_column("from", style="dim", overflow="fold")
    for setting in settings:
        changed = "" if setting.origin == "default" else "bold"
        shown = _shown(setting.value)
        table.add_row(Text(setting.name, changed), Text(terminal.safe(shown), changed), terminal.safe(setting.origin))
    out.print(table)


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "–"
    return " ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
