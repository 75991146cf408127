"""`codefactory steps`: the types of steps there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from . import exits

if TYPE_CHECKING:
    from codefactory.pipelines.definitions import StepType


@click.command("steps")
@click.argument("name", required=False)
@click.option("--format", "-f", "output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(name: str | None, output: Literal["human", "json"]) -> int:
    """List the types of steps; with a NAME, one of them with its settings and an example.

    Packages can add types (entry points in the group `codefactory.steps`) and tools for the type `tool`
    (`codefactory.tools`).
    """
    from codefactory.pipelines.definitions import default_registry
    from codefactory.pipelines.definitions.catalogue import described

    from . import terminal

    registry = default_registry()
    found = None if name is None else registry.find(name)
    if name is not None and found is None:
        raise click.UsageError(f"there is no type of step `{name}`{registry.hint(name)}")
    chosen = registry.types if found is None else (found,)
    if output == "json":
        described_all = [described(step_type) for step_type in chosen]
        terminal.print_json(described_all if name is None else described_all[0])
    elif name is None:
        _list(chosen)
    else:
        _show(described(chosen[0]))
    return exits.EXIT_CLEAN


def _list(types: tuple[StepType, ...]) -> None:
    width = max(len(t.name) for t in types)
    for step_type in types:
        effects = f"  [{', '.join(sorted(step_type.effects))}]" if step_type.effects else ""
        click.echo(f"{step_type.name:<{width}}  {step_type.summary}{effects}")


def _show(found: dict[str, Any]) -> None:
    click.echo(f"{found['name']}: {found['summary']}")
    click.echo(f"output: {found['output']}")
    click.echo(f"effects: {', '.join(found['effects']) or 'none'}")
    if found["settings"]:
        click.echo("\nsettings:")
    for setting in found["settings"]:
        default = "required" if setting["required"] else f"default {setting['default']}"
        click.echo(f"  {setting['name']} ({setting['type']}, {default}): {setting['description']}")
    for operation in found.get("operations", ()):
        click.echo(f"  {operation['name']}: {operation['summary']}")
    for tool in found.get("tools", ()):
        click.echo(f"\n  {tool['name']}: {tool['description']}")
        for name, schema in tool["parameters"].get("properties", {}).items():
            click.echo(f"    {name}: {schema.get('type', 'any')}. {schema.get('description', '')}".rstrip(". "))
    if found["example"]:
        click.echo("\nexample:")
        click.echo("\n".join(f"  {line}" for line in found["example"].splitlines()))
