"""`codefactory cost`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from codefactory.pipelines.ledger.report import Row


@click.command("cost")
@click.option(
    "--by",
    type=click.Choice(["day", "model", "workspace", "run", "role"]),
    default="day",
    show_default=True,
    help="What to sum by.",
)
@click.option("--since", metavar="DATE", help="The first day, as 2026-11-27. Default: all that is kept.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    help="Only what was spent in this folder's project.",
)
@click.option("--limit", type=click.IntRange(1), default=30, show_default=True, help="Rows to show, the newest first.")
@click.option("--format", "-f", "output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(by: Any, since: str | None, workspace: Path | None, limit: int, output: str) -> None:
    """What models have cost: calls, tokens and US dollars, from the ledger that all programs of yours share.

    Sums are of what is known. What is not (a program that died, a provider that reports no usage, a model without a
    price) is counted and said, with the most that it can have been.
    """
    import datetime as dt

    from codefactory.pipelines.ledger import report
    from codefactory.pipelines.ledger.store import default_store
    from codefactory.pipelines.project import find_root
    from codefactory.pipelines.store import StoreError

    try:
        first = dt.date.fromisoformat(since).isoformat() if since else ""
    except ValueError:
        raise click.UsageError(f"--since {since}: give a day as 2026-11-27") from None
    folder = None if workspace is None else str(find_root(workspace.resolve()))
    store = default_store()
    rows: tuple[Row, ...] = ()
    if store.path.exists():
        try:
            rows = store.submit(lambda c: report.summarise(c, by, since=first, workspace=folder)).result()
        except StoreError as error:
            raise click.ClickException(str(error)) from error
    whole = report.total(rows)
    if output == "json":
        _print_json(by, rows[:limit], whole, report.caveats(whole), str(store.path))
    elif not rows:
        click.echo(f"No model was asked yet. What is asked is kept in {store.path}.")
    else:
        _print_table(by, rows[:limit], whole, report.caveats(whole))
        if len(rows) > limit:
            click.echo(f"{len(rows) - limit} older rows are not shown, but summed; --limit shows more.")


def _print_json(by: str, rows: tuple[Row, ...], whole: Row, caveats: tuple[str, ...], ledger: str) -> None:
    from .terminal import print_json

    data = {"version": 1, "by": by, "ledger": ledger, "rows": [row_to_json(r) for r in rows]}
    print_json(data | {"total": row_to_json(whole), "caveats": list(caveats)})


def row_to_json(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "calls": row.calls,
        "inputTokens": row.input_tokens,
        "outputTokens": row.output_tokens,
        "cachedTokens": row.cached_tokens,
        "costUsd": round(row.cost_usd, 8),
        "replayed": row.replayed,
        "unknownUsage": {
            "calls": row.unknown_usage,
            "atMostTokens": row.unknown_usage_tokens,
            "atMostUsd": round(row.unknown_usage_usd, 8),
            "lost": row.lost,
            "open": row.open,
        },
        "unknownPriceCalls": row.unknown_price,
    }


def _print_table(by: str, rows: tuple[Row, ...], whole: Row, caveats: tuple[str, ...]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from .terminal import console, hanging, safe

    out = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_footer=len(rows) > 1)
    table.add_column(by, overflow="fold", footer="total")
    headings = ("calls", "tokens in", "cached", "tokens out", "cost", "at most more")
    for heading, value in zip(headings, _cells(whole), strict=True):
        table.add_column(heading, justify="right", footer=value, no_wrap=True)
    for row in rows:
        table.add_row(safe(row.key), *_cells(row))
    out.print(table)
    for caveat in caveats:
        out.print(hanging(out, Text(f"• {caveat}"), 2), soft_wrap=True)


def _cells(row: Row) -> tuple[str, ...]:
    """A cost that is known in part only is marked."""
    mark = "+?" if row.unknown_price else ""
    more = f"${row.unknown_usage_usd:.4f}" if row.unknown_usage else ""
    counts = (f"{n:,}" for n in (row.calls, row.input_tokens, row.cached_tokens, row.output_tokens))
    return (*counts, f"${row.cost_usd:.4f}{mark}", more)
