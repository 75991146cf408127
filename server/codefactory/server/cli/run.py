"""`codefactory run`: one run of a pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .access import Grant, access_options
from .live import finish, live_options
from .pipelines import FILE, allowed_plan_of, text_of
from .runs import STORE, store_of

if TYPE_CHECKING:
    from pathlib import Path


@click.command("run")
@click.argument("file", type=FILE)
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE", help="An input; JSON where it is JSON.")
@click.option("--inputs", "inputs_file", type=FILE, help="A JSON file of inputs.")
@click.option("--trust", is_flag=True, help="Let the definition run code, this time.")
@STORE
@click.option("--no-store", is_flag=True, help="Keep nothing: the run cannot be resumed.")
@access_options
@live_options
def command(
    file: Path,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    trust: bool,
    store: Path,
    no_store: bool,
    read: tuple[Path, ...],
    write: tuple[Path, ...],
    hosts: tuple[str, ...],
    commands: tuple[str, ...],
    secrets: tuple[str, ...],
    workspace: Path | None,
    **options: Any,
) -> None:
    """Run a pipeline. Its outputs go to standard output, as JSON; what happens, to standard error.

    The steps of a pipeline that you have trusted may read and change files in its workspace and ask models; nothing
    else, and those of others nothing at all, unless your settings or the --allow options say so.

    Exit codes: 0 succeeded, 1 failed, 2 the definition or an input is wrong, 4 waits for an answer, 5 stopped by its
    budget, 130 cancelled.
    """
    grant = Grant(file, read, write, hosts, commands, secrets, workspace)
    plan, policy = allowed_plan_of(file, grant, trust=trust)
    given = _inputs(inputs, inputs_file)
    with store_of(None if no_store else store) as opened:
        finish(opened, plan=plan, inputs=given, policy=policy, secrets=grant.secret_places(), **options)


def _inputs(pairs: tuple[str, ...], file: Path | None) -> dict[str, Any]:
    """Later ones win; what is not JSON is a text."""
    found: dict[str, Any] = {}
    if file is not None:
        try:
            found = json.loads(text_of(file))
        except ValueError as error:
            raise click.UsageError(f"{file} is not valid JSON: {error}") from error
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"{pair!r} is no input: write KEY=VALUE")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
