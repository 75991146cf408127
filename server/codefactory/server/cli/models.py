"""`codefactory models`: models that run on this machine, and which model is used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import click

from . import exits, model_stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.pipelines.models.catalogue import Catalogue, LocalModel
    from codefactory.pipelines.models.configured import Choice
    from codefactory.pipelines.models.discovery import LocalServer
    from codefactory.pipelines.settings import Settings

EXIT_FAILED = 1
QUESTION = "Write a Python function that returns the words of a text in reverse order. Only the code."
HELP = """\b
Exit codes:
  0    done
  1    the model could not be pulled, or did not answer
  2    the command line or a configuration is wrong
  130  interrupted; what was fetched stays, and the next pull goes on from there"""

name_argument = click.argument("name")
format_option = click.option(
    "--format", "-f", "output", type=click.Choice(["human", "json"]), default="human", show_default=True
)


@click.group("models", epilog=HELP)
def command() -> None:
    """Models that run on this machine, and which model is used."""


command.add_command(model_stats.command)


@command.command("list")
@format_option
def list_models(output: Literal["human", "json"]) -> int:
    """Show the models that can be pulled, those that are here, servers that run here, and what is used."""
    from codefactory.pipelines.models.configured import choose_model
    from codefactory.pipelines.models.discovery import find_servers
    from codefactory.pipelines.models.model import ModelError

    from . import models_shown

    catalogue, settings = _catalogue(), _settings()

    async def look() -> tuple[Sequence[LocalServer], Choice]:
        return await find_servers(settings.local, fresh=True), await choose_model(settings)

    try:
        servers, choice = asyncio.run(look())
    except ModelError as error:
        raise click.UsageError(str(error)) from error
    if output == "json":
        models_shown.print_json(catalogue, servers, choice, settings)
    else:
        models_shown.print_tables(catalogue, servers, choice, settings)
    return exits.EXIT_CLEAN


@command.command("pull", epilog=HELP)
@name_argument
def pull(name: str) -> int:
    """Fetch a model from the catalogue and verify it. Interrupted, the next pull goes on from there."""
    from codefactory.pipelines.models import download
    from codefactory.pipelines.models.embedded import INSTALL, is_installed

    from . import pull_progress, terminal

    model = _model(name)
    here = model.is_pulled()
    try:
        with pull_progress.shown(model) as report:
            path = download.pull(model, report)
    except download.PullError as error:
        terminal.print_failure(str(error))
        return EXIT_FAILED
    click.echo(f"{model.name} {'was here already' if here else 'is here and verified'}: {path}")
    if not (is_installed() or _settings().local.host):
        click.echo(f"To run it: {INSTALL}")
    return exits.EXIT_CLEAN


@command.command("rm")
@name_argument
def remove(name: str) -> int:
    """Remove a model that was pulled, and what is left of a pull that did not end."""
    from codefactory.pipelines.models import catalogue, download

    from . import terminal

    model = _model(name)
    try:
        freed = download.remove(model)
    except (download.PullError, OSError) as error:
        terminal.print_failure(str(error))
        return EXIT_FAILED
    click.echo(f"{model.name}: {catalogue.size(freed)} freed." if freed else f"{model.name} is not on this machine.")
    return exits.EXIT_CLEAN


@command.command("use")
@name_argument
def use(name: str) -> int:
    """Use a model from now on: one of the catalogue, one that `models list` shows, or any that litellm knows.

    It is written into your own config.toml, where everything else stays as it is. "default" takes the choice back,
    "none" turns models off.
    """
    from codefactory.server import user_settings

    chosen = _full_name(name)
    try:
        file = user_settings.change("model", {"name": chosen})
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    said = f"[model] name = {chosen!r} in" if chosen is not None else "[model] name was removed from"
    click.echo(f"{said} {file}")
    if chosen is not None and chosen.startswith("embedded/") and not _model(chosen).is_pulled():
        click.echo(f"It is not on this machine yet: codefactory models pull {chosen.partition('/')[2]}")
    return exits.EXIT_CLEAN


@command.command("test", epilog=HELP)
@click.argument("name", required=False)
@click.option("--max-tokens", type=click.IntRange(1), default=128, show_default=True, help="Of the answer.")
@format_option
def test(name: str | None, max_tokens: int, output: Literal["human", "json"]) -> int:
    """Ask a model one small question; say how long it takes to answer, and how fast it writes.

    Without NAME: the model that is used. One that is not on this machine is asked over the network.
    """
    from codefactory.pipelines.models.configured import choose_model
    from codefactory.pipelines.models.model import ModelError

    from . import model_trial, terminal

    settings = _settings()
    if name is not None:
        settings = settings.model_copy(update={"model": settings.model.model_copy(update={"name": _full_name(name)})})

    async def run() -> model_trial.Trial:
        choice = await choose_model(settings)
        if choice.model is None:
            raise click.UsageError(choice.why)
        if output == "human":
            click.echo(str(choice), err=True)
        return await model_trial.ask(choice.model, QUESTION, max_tokens)

    try:
        trial = asyncio.run(run())
    except ModelError as error:
        terminal.print_failure(str(error))
        return EXIT_FAILED
    model_trial.show(trial, output)
    return exits.EXIT_CLEAN


def _full_name(name: str) -> str | None:
    """As the settings have it: a name of the catalogue gets its prefix; None for "default"."""
    if name == "default":
        return None
    return f"embedded/{name}" if name in _catalogue().models else name


def _catalogue() -> Catalogue:
    from codefactory.pipelines.models import catalogue

    try:
        return catalogue.load()
    except catalogue.CatalogueError as error:
        raise click.UsageError(str(error)) from error


def _model(name: str) -> LocalModel:
    from codefactory.pipelines.models.catalogue import CatalogueError

    try:
        return _catalogue().get(name)
    except CatalogueError as error:
        raise click.UsageError(str(error)) from error


def _settings() -> Settings:
    """Those in force in the working directory."""
    from pathlib import Path

    from codefactory.pipelines import project

    from . import terminal

    loaded = project.load(project.find_root(Path.cwd()))
    terminal.print_problems(p for p in loaded.problems if p.analyzer == "settings")
    return loaded.settings
