"""`codefactory audit`."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from codefactory.pipelines.audit import Record

_UNITS = {"m": 60, "h": 3600, "d": 86400}


@click.group("audit", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show the audit log, or check that it is whole. Without a command: show."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@command.command("show")
@click.option("--since", metavar="TIME", help='Only what came after: "30m", "12h", "7d" or a date as 2026-11-27T10:00.')
@click.option("--kind", "kinds", multiple=True, help="Only records of this kind.")
@click.option("--run", "run_id", help="Only records of this run.")
@click.option("--format", "format_", type=click.Choice(["human", "json"]), default="human", show_default=True)
def show(
    since: str | None = None, kinds: tuple[str, ...] = (), run_id: str | None = None, format_: str = "human"
) -> None:
    """What runs did, who approved what, what was trusted; the oldest first."""
    from codefactory.pipelines.audit import Place, read

    after = _time(since) if since else 0.0
    try:
        for record in read(Place.of_user()):
            if record.at < after or (kinds and record.kind not in kinds):
                continue
            if run_id is None or str(record.facts.get("run", "")).startswith(run_id):
                click.echo(_json(record) if format_ == "json" else _text(record))
    except OSError as error:
        raise click.ClickException(f"the audit log cannot be read: {error}") from error


@command.command("verify")
@click.option("--format", "format_", type=click.Choice(["human", "json"]), default="human", show_default=True)
def verify(format_: str) -> None:
    """Check that no record was changed, taken out, put in or cut off. Exit code 1, and the first one, if any was."""
    from codefactory.pipelines.audit import Place
    from codefactory.pipelines.audit import verify as check

    try:
        verdict = check(Place.of_user())
    except OSError as error:
        raise click.ClickException(f"the audit log cannot be read: {error}") from error
    broken = verdict.broken
    if format_ == "json":
        why = None if broken is None else {"record": broken.n, "why": broken.why, "file": str(broken.file or "")}
        click.echo(json.dumps({"records": verdict.records, "broken": why, "tornBytes": verdict.torn}))
    else:
        if verdict.torn:
            click.echo(f"the last line was cut short by a crash ({verdict.torn} bytes); the next record mends it")
        click.echo(f"broken: {broken}" if broken is not None else f"whole: {verdict.records} records")
    if broken is not None:
        raise SystemExit(1)


def _time(text: str) -> float:
    if match := re.fullmatch(r"(\d+)([mhd])", text):
        return time.time() - int(match[1]) * _UNITS[match[2]]
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError as error:
        raise click.UsageError(f"{text!r} is no time: write 30m, 12h, 7d or 2026-11-27T10:00") from error


def _json(record: Record) -> str:
    return json.dumps({"n": record.n, "at": record.at, "kind": record.kind, "facts": record.facts}, ensure_ascii=False)


def _text(record: Record) -> str:
    from .terminal import safe

    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.at))
    facts = " ".join(f"{name}={safe(str(value))}" for name, value in record.facts.items() if value is not None)
    return f"{record.n:6d}  {when}  {record.kind:<16}  {facts}"
