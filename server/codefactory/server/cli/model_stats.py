"""`codefactory models stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.pipelines.ledger.trials import Record


@click.command("stats")
@click.option("--role", type=click.Choice(["nlp", "code", "qa", "improve", "chat"]), help="Only this role.")
@click.option("--format", "-f", "output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(role: str | None, output: str) -> None:
    """What the gate has accepted of which model: the record that `choose = "measured"` goes by.

    Of each model and role the latest 200 replies count. The models are in the order of what their rate is at least
    (the lower bound of Wilson's interval, 95 %): few replies prove little.
    """
    from codefactory.pipelines.ledger import default_store
    from codefactory.pipelines.ledger.trials import read_records
    from codefactory.pipelines.store import StoreError

    store = default_store()
    records: tuple[Record, ...] = ()
    if store.path.exists():
        try:
            records = store.submit(lambda connection: read_records(connection, role)).result()
        except StoreError as error:
            raise click.ClickException(str(error)) from error
    if output == "json":
        from .terminal import print_json

        print_json({"version": 1, "ledger": str(store.path), "models": [record_to_json(r) for r in records]})
    elif records:
        _print_table(records)
    else:
        click.echo("No reply of a model was judged yet.")


def record_to_json(record: Record) -> dict[str, Any]:
    return {
        "role": record.role,
        "model": record.model,
        "replies": record.trials,
        "accepted": record.accepted,
        "unusable": record.unusable,
        "failed": record.failed,
        "rate": record.rate,
        "rateAtLeast": record.at_least,
        "roundsUntilAccepted": record.rounds_until_accepted,
        "tokens": record.tokens,
        "costUsd": record.cost_usd,
        "usdPerAccepted": record.usd_per_accepted,
        "secondsPerReply": record.seconds,
    }


def _print_table(records: Sequence[Record]) -> None:
    from rich import box
    from rich.table import Table

    from .terminal import console, safe

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("role")
    table.add_column("model", overflow="fold")
    for heading in ("accepted", "at least", "unusable", "failed", "rounds", "s a reply", "$ an accepted edit"):
        table.add_column(heading, justify="right")
    for r in records:
        rounds, usd = r.rounds_until_accepted, r.usd_per_accepted
        table.add_row(
            r.role,
            safe(r.model),
            f"{r.accepted} of {r.trials}",
            f"{r.at_least:.0%}",
            str(r.unusable),
            str(r.failed),
            "–" if rounds is None else f"{rounds:.1f}",
            f"{r.seconds or 0.0:.1f}",
            "unknown" if r.cost_usd is None else "–" if usd is None else f"{usd:.4f}",
        )
    console().print(table)
