"""`codefactory trust`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import exits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codefactory.pipelines.trustable import Trustable


@click.command("trust")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--list", "list_", is_flag=True, help="Say what is trusted, everywhere, and whether it has changed.")
@click.option("--show", is_flag=True, help="Only say what would be trusted.")
@click.option("--revoke", is_flag=True, help="Trust the files no longer.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(paths: tuple[Path, ...], list_: bool, show: bool, revoke: bool, yes: bool) -> int:
    """Trust files of a project as they are now: its settings, pipelines, prompts and tools.

    Some settings can start programs, redirect a model or name a secret; pipelines can change files, ask models and run
    code. From a project's own files they count only once you trust those; when a file changes, it has to be trusted
    anew, and you are shown the difference. PATH is a project's folder, a pipeline (together with those it contains), a
    prompt, a tool or a pyproject.toml; the default is the project around the current folder.
    """
    if list_:
        _list()
        return exits.EXIT_CLEAN
    try:
        found = _found(paths)
        if revoke:
            for item in found:
                _revoke(item.file)
            return exits.EXIT_CLEAN
        open_ = [item for item in found if item.state != "trusted"]
        for item in found:
            _show(item)
        if show or not open_:
            return exits.EXIT_CLEAN
        if not yes:
            click.confirm(_question(open_), abort=True)
        _trust(open_)
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'trust'}: {error.strerror or error}") from error
    return exits.EXIT_CLEAN


def _question(files: Sequence[Trustable]) -> str:
    return "Trust this file as it is now?" if len(files) == 1 else f"Trust these {len(files)} files as they are now?"


def _found(paths: tuple[Path, ...]) -> list[Trustable]:
    from codefactory.pipelines import project
    from codefactory.pipelines.trustable import trustable

    found: dict[Path, Trustable] = {}
    for path in paths or (Path(),):
        place = project.find_root(path) if path.is_dir() else path
        found |= {item.file.resolve(): item for item in trustable(place)}
    if not found:
        named = ", ".join(map(str, paths)) or "the current folder"
        raise click.UsageError(
            f"{named} has nothing that needs trust: no pyproject.toml, no pipelines, prompts or tools in .codefactory"
        )
    return list(found.values())


def _trust(files: Sequence[Trustable]) -> None:
    """What was shown is what is trusted, even if the file has changed meanwhile: then it is not trusted as it is."""
    from codefactory.pipelines import trust
    from codefactory.pipelines.audit import AuditLog

    for item in files:
        if item.file.read_bytes() != item.data:
            raise click.UsageError(f"{item.file} changed while you were asked; look at it again")
        trust.trust(item.file, item.data)
        with AuditLog() as audit:
            audit.note("trusted", file=str(item.file.resolve()), sha256=trust.content_hash(item.data))
        click.echo(f"{item.file} is trusted.")


def _revoke(file: Path) -> None:
    from codefactory.pipelines import trust
    from codefactory.pipelines.audit import AuditLog

    found = trust.revoke(file)
    if found:
        with AuditLog() as audit:
            audit.note("trust_revoked", file=str(file.resolve()))
    click.echo(f"{file} is no longer trusted." if found else f"{file} was not trusted.")


def _list() -> None:
    from codefactory.pipelines import trust

    for file, digest in trust.trusted_files().items():
        try:
            state = "" if trust.content_hash(file.read_bytes()) == digest else "  changed since"
        except OSError:
            state = "  not there any more"
        click.echo(f"{file}{state}")


def _show(item: Trustable) -> None:
    from .terminal import safe

    if item.file.name == "pyproject.toml":
        _show_settings(item.file, restricted_settings(item.file.parent), trusted=item.state == "trusted")
    elif item.state == "trusted":
        click.echo(f"{item.file} is trusted.")
    else:
        state = "is new" if item.state == "new" else "has changed since you trusted it"
        click.echo(f"{item.file} {state}:")
    if item.state == "changed" or (item.state == "new" and item.file.name != "pyproject.toml"):
        for line in item.difference().splitlines():
            click.echo(f"  {safe(line)}")


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


def _show_settings(file: Path, restricted: Mapping[str, Any], *, trusted: bool) -> None:
    from .terminal import safe

    state = "is trusted" if trusted else "is not trusted"
    if not restricted:
        click.echo(f"{file} {state}; it has no settings that need it.")
        return
    verb = "are in force" if trusted else "would come into force"
    click.echo(f"{file} {state}. These settings {verb}:")
    for name, value in restricted.items():
        click.echo(f"  {name} = {safe(repr(value))}")
