"""`codefactory context`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .exits import EXIT_CLEAN, EXIT_NOT_CHECKED, EXIT_USAGE

if TYPE_CHECKING:
    from codefactory.analyzers import Span
    from codefactory.analyzers.graph.context import ContextPack


@click.command("context")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project's folder. [default: where .git is, else the current folder]",
)
@click.option("--budget", type=click.IntRange(0, 1_000_000), default=4000, show_default=True, help="Tokens.")
@click.option("--lines", metavar="FIRST-LAST", help="The lines in question, from 1.")
@click.option("--request", default="", help="What you would ask for: names in it count.")
@click.option("--text", "whole", is_flag=True, help="Print what would be sent, not only its list.")
@click.option("--format", "-f", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    file: Path,
    root: Path | None,
    budget: int,
    lines: str | None,
    request: str,
    whole: bool,
    output: Literal["table", "json"],
) -> int:
    """Show what a model would be shown along with FILE, and why. Nothing is sent."""
    from codefactory.analyzers.graph.context import pack_context
    from codefactory.analyzers.graph.recency import git_recency
    from codefactory.server import files

    from . import terminal
    from .graph import load, say_problems

    selection = _selection(lines) if lines else None
    read = files.read(file)
    if isinstance(read, files.Unreadable):
        click.echo(terminal.safe(read.problem.message), err=True)
        return EXIT_NOT_CHECKED
    root = (root or _project_of(file)).absolute()
    graph = load(root)
    say_problems(graph)
    if graph.locate(read.snapshot) not in graph:
        click.echo(
            f"{file} is not in the graph of {root}. It may be ignored, or in no language that has one.", err=True
        )
        return EXIT_USAGE
    pack = pack_context(
        graph, read.snapshot, (), budget, selection=selection, request=request, recency=git_recency(str(root))
    )
    if output == "json":
        terminal.print_json(_as_json(pack, whole=whole))
    elif whole:
        click.echo(terminal.safe(pack.render()), nl=False)
    else:
        _print(pack)
    return EXIT_CLEAN


def _selection(lines: str) -> Span:
    from codefactory.analyzers import Span

    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", lines)
    if match is None or int(match[1]) < 1 or int(match[2] or match[1]) < int(match[1]):
        raise click.BadParameter(f"{lines!r} is not a line or a range of lines, as 10-20.", param_hint="--lines")
    return Span.at(int(match[1]) - 1, 0, int(match[2] or match[1]), 0)


def _project_of(file: Path) -> Path:
    folder = file.absolute().parent
    return next((f for f in (folder, *folder.parents) if (f / ".git").exists()), Path.cwd())


def _as_json(pack: ContextPack, *, whole: bool) -> dict[str, object]:
    listed = [
        {"path": f.path, "kind": f.kind, "tokens": f.tokens, "reason": f.reason} | ({"text": f.text} if whole else {})
        for f in pack.files
    ]
    left_out = [{"path": x.path, "why": x.why} for x in pack.left_out]
    return {"budgetTokens": pack.budget_tokens, "usedTokens": pack.used_tokens, "files": listed, "leftOut": left_out}


def _print(pack: ContextPack) -> None:
    from rich import box
    from rich.table import Table

    from codefactory.analyzers.graph.context import NO_ROOM

    from . import terminal

    out = terminal.console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("file", overflow="fold")
    table.add_column("as")
    table.add_column("tokens", justify="right")
    table.add_column("because", overflow="fold")
    for file in pack.files:
        table.add_row(terminal.safe(file.path), file.kind, str(file.tokens), terminal.safe(file.reason))
    out.print(table)
    crowded_out = sum(item.why == NO_ROOM for item in pack.left_out)
    for item in pack.left_out:
        if item.why != NO_ROOM:
            out.print(terminal.safe(f"left out: {item.path}: {item.why}"), style="dim")
    if crowded_out:
        out.print(f"left out for want of room: {terminal.plural(crowded_out, 'file')}", style="dim")
    out.print(f"{pack.used_tokens} of {pack.budget_tokens} tokens", style="dim")
