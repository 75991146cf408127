"""Sums of the ledger, by day, model, workspace, run or role."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from .account import mark_lost

if TYPE_CHECKING:
    from collections.abc import Iterable

By = Literal["day", "model", "workspace", "run", "role"]
BY: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, slots=True)
class Row:
    """What is known is summed; what is not is counted, with the most that it may be."""

    key: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input tokens that the provider had in its cache."""
    cost_usd: float = 0.0
    """As reported, or from reported tokens and the list price."""
    replayed: int = 0
    """Calls that were answered from our own cache, and cost nothing."""
    unknown_usage: int = 0
    """Calls of which not all usage was reported: cancelled, broken off, with tries that failed, or lost."""
    unknown_usage_tokens: int = 0
    """The most that these may have used."""
    unknown_usage_usd: float = 0.0
    """The most that these may have cost, as far as prices are known."""
    unknown_price: int = 0
    """Calls of a model whose price is unknown."""
    lost: int = 0
    """Those of unknown usage whose program died."""
    open: int = 0
    """Those of unknown usage that are under way."""
    last_at: float = 0.0
    """Seconds since the epoch."""

    def __add__(self, other: Row) -> Row:
        one, two = asdict(self), asdict(other)
        summed: dict[str, Any] = {name: value + two[name] for name, value in one.items() if name != "key"}
        summed["last_at"] = max(self.last_at, other.last_at)
        return Row(self.key, **summed)


_QUERY = """
select {by} as key, count(*) as calls, coalesce(sum(input_tokens), 0) as input_tokens,
    coalesce(sum(output_tokens), 0) as output_tokens, coalesce(sum(cached_tokens), 0) as cached_tokens,
    total(cost_usd) as cost_usd, sum(state = 'cached') as replayed,
    sum(input_tokens is null or output_tokens is null or unreported > 0) as unknown_usage,
    sum(reserved_tokens * ((input_tokens + output_tokens is null) + unreported)) as unknown_usage_tokens,
    total(reserved_usd * ((input_tokens + output_tokens is null) + unreported)) as unknown_usage_usd,
    sum(cost_usd is null and reserved_usd is null) as unknown_price,
    sum(state = 'lost') as lost, sum(state = 'open') as open, max(at) as last_at
from call where day >= ? and (? is null or workspace = ?) group by 1 order by max(at) desc
"""


def summarise(
    connection: sqlite3.Connection, by: By, *, since: str = "", workspace: str | None = None, now: float | None = None
) -> tuple[Row, ...]:
    """The newest first. `since`: the first day, as "2026-11-27"."""
    mark_lost(connection, time.time() if now is None else now)
    if by not in BY:
        raise ValueError(f"{by!r} is none of {', '.join(BY)}")
    connection.row_factory = sqlite3.Row
    try:
        found = connection.execute(_QUERY.format(by=by), (since, workspace, workspace)).fetchall()
    finally:
        connection.row_factory = None
    return tuple(Row(**dict(row)) for row in found)


def total(rows: Iterable[Row]) -> Row:
    return sum(rows, Row("total"))


def caveats(row: Row) -> tuple[str, ...]:
    """What the sums leave out, in words."""
    said: list[str] = []
    if row.unknown_usage:
        gone = f"; of {row.lost} the program died before it could tell" if row.lost else ""
        under_way = f"; {row.open} under way" if row.open else ""
        said.append(
            f"The usage of {_calls(row.unknown_usage)} is unknown: at most {row.unknown_usage_tokens:,} tokens and "
            f"${row.unknown_usage_usd:.4f} more, which count against the limits{gone}{under_way}."
        )
    if row.unknown_price:
        said.append(f"The price of {_calls(row.unknown_price)} is unknown; codefactory.prices.models can say it.")
    if row.replayed:
        were = "was" if row.replayed == 1 else "were"
        said.append(f"{_calls(row.replayed)} {were} answered from the cache of replies and cost nothing.")
    return tuple(said)


def _calls(count: int) -> str:
    return f"{count:,} call" if count == 1 else f"{count:,} calls"
