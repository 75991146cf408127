"""`codefactory pipelines`: definitions on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .access import Grant, access_options

if TYPE_CHECKING:
    from codefactory.pipelines.definitions import Loaded
    from codefactory.pipelines.engine import Plan
    from codefactory.pipelines.policy import AccessPolicy

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("pipelines")
def command() -> None:
    """Check, show, convert and compare pipeline definitions."""


@command.command("validate")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@access_options
def validate(files: tuple[Path, ...], as_json: bool, **access: Any) -> None:
    """Say what is wrong with definitions, and what the policy would not let them do. Exit code 1 if anything is."""
    from codefactory.analyzers.finding import finding_to_json
    from codefactory.pipelines.definitions import located

    loaded = [(file, _load(file, grant=Grant(file, **access))) for file in files]
    if as_json:
        click.echo(json.dumps({str(f): [finding_to_json(x) for x in found.findings] for f, found in loaded}, indent=1))
    else:
        for file, found in loaded:
            for finding in found.findings:
                click.echo(located(finding, str(file)))
            if found.plan is not None:
                click.echo(f"{file}: {len(found.plan.steps)} steps, version {found.plan.version}")
    if any(found.plan is None or _not_allowed(found) for _, found in loaded):
        raise SystemExit(1)


@command.command("show")
@click.argument("file", type=FILE)
@click.option("--mermaid", is_flag=True, help="As a diagram in Mermaid's language.")
def show(file: Path, mermaid: bool) -> None:
    """Show what a definition does: inputs, and steps in levels that can run side by side."""
    from codefactory.pipelines.definitions import outline

    plan = plan_of(file)
    if mermaid:
        click.echo(outline.mermaid(plan), nl=False)
        return
    click.echo(f"{plan.name}  version {plan.version}")
    for spec in plan.inputs.values():
        kind = getattr(spec.type, "__name__", "any")
        default = "required" if spec.required else f"default {json.dumps(spec.default, ensure_ascii=False)}"
        click.echo(f"  input {spec.name}: {kind}, {default}{f'. {spec.description}' if spec.description else ''}")
    click.echo(outline.outline(plan))


@command.command("convert")
@click.argument("file", type=FILE)
@click.option("--to", type=click.Choice(["yaml", "json"]), help="Default: the other of the two.")
@click.option("-o", "--output", type=FILE, help="Write there instead of standard output.")
def convert(file: Path, to: str | None, output: Path | None) -> None:
    """YAML to JSON or back, comments kept; or import a `workflow:` pipeline of another program.

    What cannot be carried over from another program's file is printed to standard error, with its place.
    """
    from codefactory.pipelines.definitions import conversion, foreign
    from codefactory.pipelines.definitions.source import SourceError, format_of, parse

    text = text_of(file)
    given = format_of(file.name)
    try:
        data: Any = parse(text, given).data
        if isinstance(data, dict) and "workflow" in data:
            imported = foreign.import_workflow(text, given)
            _report(imported.findings, file)
            result = imported.text if to != "json" else conversion.to_json(imported.text)
        else:
            wanted = to or ("json" if given == "yaml" else "yaml")
            translate = conversion.to_json if wanted == "json" else conversion.to_yaml
            result = text if wanted == given else translate(text)
    except SourceError as error:
        raise _wrong(file, error) from error
    _write(result, output)


@command.command("migrate")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--write", is_flag=True, help="Change the files; without it, the result is printed.")
def migrate(files: tuple[Path, ...], write: bool) -> None:
    """Bring definitions of older versions of the format to the current one, comments kept."""
    from codefactory.pipelines.definitions.migration import migrate as migrated
    from codefactory.pipelines.definitions.source import SourceError

    for file in files:
        text = text_of(file)
        try:
            result = migrated(text)
        except SourceError as error:
            raise _wrong(file, error) from error
        if not write:
            click.echo(result, nl=False)
        elif result != text:
            file.write_text(result, "utf-8")
            click.echo(f"{file}: migrated")


@command.command("diff")
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
def diff(before: Path, after: Path) -> None:
    """Say what differs between two definitions. Exit code 1 if anything does."""
    from codefactory.pipelines.definitions.comparison import compare
    from codefactory.pipelines.definitions.source import SourceError, format_of, parse

    data: list[Any] = []
    for file in (before, after):
        try:
            data.append(parse(text_of(file), format_of(file.name)).data)
        except SourceError as error:
            raise _wrong(file, error) from error
    changes = compare(data[0], data[1])
    for change in changes:
        click.echo(str(change))
    raise SystemExit(1 if changes else 0)


@command.command("schema")
@click.option("-o", "--output", type=FILE, help="Write there instead of standard output.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of the format, for editors."""
    from codefactory.pipelines.definitions.schema import json_schema

    _write(json.dumps(json_schema(), indent=1) + "\n", output)


def _load(file: Path, *, trust: bool = False, grant: Grant | None = None) -> Loaded:
    from codefactory.pipelines import trust as trusted
    from codefactory.pipelines.definitions import load

    return load(file, trusted=trust or trusted.is_trusted, policy=None if grant is None else grant.policy)


def plan_of(file: Path, *, trust: bool = False) -> Plan:
    """The plan of a definition; prints what is wrong with it and exits with 2 if there is none."""
    return allowed_plan_of(file, None, trust=trust)[0]


def allowed_plan_of(file: Path, grant: Grant | None, *, trust: bool = False) -> tuple[Plan, AccessPolicy | None]:
    """As `plan_of`, and the policy it will run with; exits with 2 as well if that does not give what a step needs."""
    loaded = _load(file, trust=trust, grant=grant)
    _report(loaded.findings, file)
    if loaded.plan is None or _not_allowed(loaded):
        raise SystemExit(2)
    if loaded.trusted and not trust:
        from codefactory.pipelines import trust as trusted

        trusted.remember_version(loaded.plan.version, loaded.files)
    return loaded.plan, loaded.policy


def _not_allowed(loaded: Loaded) -> bool:
    return any(finding.code == "not-allowed" for finding in loaded.findings)


def _report(findings: Any, file: Path) -> None:
    from codefactory.pipelines.definitions import located

    for finding in findings:
        click.echo(located(finding, str(file)), err=True)


def text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from error


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")


def _wrong(file: Path, error: Any) -> SystemExit:
    line, column = error.place[:2]
    click.echo(f"{file}:{line + 1}:{column + 1}: {error}", err=True)
    return SystemExit(2)
