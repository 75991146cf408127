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
    """Trust the settings in a project's pyproject.toml as they are now.

    Some settings can start programs, redirect a model or name a secret. From a project's own file they count only once
    you trust the file; when it changes, it has to be trusted anew. PATH is the project's folder or the file.
    """
    from codefactory.pipelines import project, trust

    file = project.find_root(path) / "pyproject.toml" if path.is_dir() else path
    if file.name != "pyproject.toml" or not file.is_file():
        raise click.UsageError(f"there is no {file}: only a project's pyproject.toml can be trusted")
    try:
        data = file.read_bytes()
        if revoke:
            found = trust.revoke(file)
            click.echo(f"{file} is no longer trusted." if found else f"{file} was not trusted.")
            return exits.EXIT_CLEAN
        trusted = trust.is_trusted(file, data)
        restricted = restricted_settings(file.parent)
        _show(file, restricted, trusted=trusted)
        if show or trusted:
            return exits.EXIT_CLEAN
        if not yes:
            click.confirm("Trust this file as it is now?", abort=True)
        if file.read_bytes() != data:
            raise click.UsageError(f"{file} changed while you were asked; look at it again")
        trust.trust(file)
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from error
    click.echo(f"{file} is trusted.")
    return exits.EXIT_CLEAN


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
