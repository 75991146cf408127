"""`codefactory trust`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import exits

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("trust")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True))
@click.option("--show", is_flag=True, help="Only say what is trusted.")
@click.option("--revoke", is_flag=True, help="Trust the file no longer.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(path: Path, show: bool, revoke: bool, yes: bool) -> int:
    """Trust the settings in a project's pyproject.toml, and its prompts, as they are now.

    Some settings can start programs, redirect a model, name a secret or raise the bill; prompts say what a model is
    told to do. From a project's own files they count only once you trust the file; when it changes, it has to be
    trusted anew. PATH is the project's folder, its pyproject.toml, or a file in .codefactory/prompts.
    """
    from codefactory.pipelines import trust

    for file in _files(path):
        try:
            if revoke:
                found = trust.revoke(file)
                click.echo(f"{file} is no longer trusted." if found else f"{file} was not trusted.")
            else:
                _trust(file, show=show, yes=yes)
        except OSError as error:
            raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from error
    return exits.EXIT_CLEAN


def _files(path: Path) -> tuple[Path, ...]:
    """What can be trusted there. Raises UsageError when there is nothing."""
    from codefactory.pipelines import project
    from codefactory.pipelines.prompts.library import WORKSPACE_FOLDER, PromptLibrary

    if path.is_dir():
        root = project.find_root(path)
        settings = root / "pyproject.toml"
        files = (*([settings] if settings.is_file() else []), *PromptLibrary(root).overrides())
        if not files:
            raise click.UsageError(
                f"there is no {settings}, and nothing in {root / WORKSPACE_FOLDER}: only these can be trusted"
            )
        return files
    is_prompt = path.suffix == ".md" and path.resolve().parent.parts[-2:] == WORKSPACE_FOLDER.parts
    if not path.is_file() or not (is_prompt or path.name == "pyproject.toml"):
        raise click.UsageError(
            f"{path} cannot be trusted: only a project's pyproject.toml and the files in its {WORKSPACE_FOLDER} can"
        )
    return (path,)


def _trust(file: Path, *, show: bool, yes: bool) -> None:
    """Say what is in a file, and trust it if the user wants to. Raises OSError."""
    from codefactory.pipelines import trust

    data = file.read_bytes()
    trusted = trust.is_trusted(file, data)
    if file.name == "pyproject.toml":
        _show(file, restricted_settings(file.parent), trusted=trusted)
    else:
        _show_prompt(file, data, trusted=trusted)
    if show or trusted:
        return
    if not yes:
        click.confirm("Trust this file as it is now?", abort=True)
    if file.read_bytes() != data:
        raise click.UsageError(f"{file} changed while you were asked; look at it again")
    trust.trust(file)
    click.echo(f"{file} is trusted.")


def restricted_settings(root: Path) -> dict[str, Any]:
    """Those settings in the project's file that need trust, as "section.key" → value; a key's value is hidden."""
    from codefactory.pipelines.settings import RESTRICTED, resolve, workspace_layer

    layer, _ = workspace_layer(root)
    settings, _ = resolve([_unrestricted(layer)])
    return {
        f"{section}.{key}": value
        for section, keys in settings.model_dump(mode="json", exclude_unset=True).items()
        for key, value in keys.items()
        if not RESTRICTED.isdisjoint((section, f"{section}.{key}"))
    }


def _unrestricted(layer: Any) -> Any:
    from dataclasses import replace

    return replace(layer, restricted=False)


def _show(file: Path, restricted: Mapping[str, Any], *, trusted: bool) -> None:
    from .terminal import safe

    state = "is trusted" if trusted else "is not trusted"
    if not restricted:
        click.echo(f"{file} {state}; it has no settings that need it.")
        return
    verb = "are in force" if trusted else "would come into force"
    click.echo(f"{file} {state}. These settings {verb}:")
    for name, value in restricted.items():
        click.echo(f"  {name} = {safe(repr(value))}")


def _show_prompt(file: Path, data: bytes, *, trusted: bool) -> None:
    from .terminal import safe

    if trusted:
        click.echo(f"{file} is trusted. It is what models are asked.")
        return
    click.echo(f"{file} is not trusted. It would be what models are asked:")
    for line in data.decode("utf-8", "replace").splitlines():
        click.echo(f"  {safe(line)}")
