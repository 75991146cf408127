"""What became of models' replies: the record that a route can choose by."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import sqlite3

    from codefactory.pipelines.models import Role

Result = Literal["accepted", "refused", "unusable", "failed"]
"""By the gate; `unusable`: nothing could be made of the reply; `failed`: there was none."""

RECENT = 200
"""Replies of a model and role that count. A model that has changed is known again after that many."""
Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Trial:
    """One reply. `round`: which try at its task, from 1."""

    role: Role
    model: str
    result: Result
    round: int
    tokens: int | None
    cost_usd: float | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """The latest replies of one model in one role."""

    role: str
    model: str
    trials: int = 0
    accepted: int = 0
    unusable: int = 0
    failed: int = 0
    tokens: int = 0
    cost_usd: float | None = 0.0
    """None when the price of one is unknown."""
    duration_s: float = 0.0
    rounds: int = 0
    """The sum of the rounds in which replies were accepted."""

    @property
    def rate(self) -> float | None:
        return self.accepted / self.trials if self.trials else None

    @property
    def at_least(self) -> float:
        """The lower bound of the rate (Wilson's score interval, 95 %); 0 without trials."""
        if not self.trials:
            return 0.0
        n, p, z2 = self.trials, self.accepted / self.trials, Z_95**2
        spread = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, (p + z2 / (2 * n) - spread) / (1 + z2 / n))

    @property
    def usd_per_accepted(self) -> float | None:
        return None if self.cost_usd is None or not self.accepted else self.cost_usd / self.accepted

    @property
    def usd_per_trial(self) -> float | None:
        return None if self.cost_usd is None or not self.trials else self.cost_usd / self.trials

    @property
    def seconds(self) -> float | None:
        """Of a reply, on average."""
        return self.duration_s / self.trials if self.trials else None

    @property
    def rounds_until_accepted(self) -> float | None:
        return self.rounds / self.accepted if self.accepted else None

    def __str__(self) -> str:
        if not self.trials:
            return f"{self.model}: no record yet"
        cost = self.usd_per_accepted
        price = "cost unknown" if self.cost_usd is None else "" if cost is None else f"${cost:.4f} an accepted edit"
        parts = [f"{self.accepted} of {self.trials} accepted, at least {self.at_least:.0%}", price]
        return f"{self.model}: " + ", ".join([*filter(None, parts), f"{self.seconds:.1f} s a reply"])


def add_trial(connection: sqlite3.Connection, trial: Trial, now: float | None = None) -> None:
    connection.execute(
        "insert into trial (at, role, model, result, round, tokens, cost_usd, duration_s)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            time.time() if now is None else now,
            trial.role,
            trial.model,
            trial.result,
            trial.round,
            trial.tokens,
            trial.cost_usd,
            trial.duration_s,
        ),
    )


def read_records(connection: sqlite3.Connection, role: str | None = None) -> tuple[Record, ...]:
    """The best first, by role."""
    found: list[Any] = connection.execute(
        """
        select role, model, count(*), sum(result = 'accepted'), sum(result = 'unusable'), sum(result = 'failed'),
            coalesce(sum(tokens), 0),
            case when sum(cost_usd is null and result <> 'failed') = 0 then total(cost_usd) end, sum(duration_s),
            coalesce(sum(case when result = 'accepted' then round end), 0)
        from (select *, row_number() over (partition by role, model order by n desc) as age from trial)
        where age <= ? and (? is null or role = ?) group by role, model
        """,
        (RECENT, role, role),
    ).fetchall()
    return tuple(sorted((Record(*row) for row in found), key=lambda r: (r.role, -r.at_least, r.model)))
