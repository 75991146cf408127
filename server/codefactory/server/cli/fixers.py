"""`codefactory fixers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers.fixers.fixer import Fixer


@click.command("fixers")
@click.option("--format", "-f", "output", type=click.Choice(["human", "json"]), default="human", show_default=True)
def command(output: Literal["human", "json"]) -> int:
    """List the deterministic fixers. Each fix says for itself whether it is safe or wants a review."""
    from codefactory.analyzers.fixers.catalogue import FIXERS

    from . import terminal

    fixers = sorted(FIXERS, key=lambda f: min(f.codes))
    if output == "json":
        terminal.print_json(
            [{"name": f.name, "rules": sorted(f.codes), "notApplied": f.not_applied} for f in fixers],
        )
    else:
        _print(fixers)
    return 0


def _print(fixers: Sequence[Fixer]) -> None:
    from rich import box
    from rich.table import Table

    from . import terminal

    out = terminal.console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("fixer", style="bold", no_wrap=out.width >= terminal.PLAIN_WIDTH)
    table.add_column("rules", style="cyan", max_width=24)
    table.add_column("not applied when", ratio=1)
    for fixer in fixers:
        table.add_row(fixer.name, " ".join(sorted(fixer.codes)), fixer.not_applied)
    out.print(table)
    rules = {code for fixer in fixers for code in fixer.codes}
    text = f"{terminal.plural(len(fixers), 'fixer')} for {terminal.plural(len(rules), 'rule')} of bandit (and ruff's S)"
    out.print(terminal.hanging(out, terminal.dim(text + ", besides ruff's own fixes."), 0), soft_wrap=True)
