"""Budgets of a run: what it may spend, reserved before it is spent so that parallel steps cannot overshoot."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from .errors import BudgetExceededError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

Resource = Literal["tokens", "usd", "calls", "files"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits; None is no limit. The sums are over the whole tree of a run, resumed parts included."""

    tokens: float | None = None
    usd: float | None = None
    calls: float | None = None
    """Calls of models and of the network."""
    files: float | None = None
    """Files written."""
    wall_s: float | None = None
    """From the start, or from each resume."""
    memory_mb: float | None = None
    """Resident memory of the process: looked at before each step."""


@dataclass(slots=True)
class Reservation:
    """What was set aside. `spent` says what it really cost; without it, all of it counts."""

    amounts: dict[str, float]
    spent: dict[str, float] | None = None

    def settle(self, **spent: float) -> None:
        self.spent = spent


class Spending:
    """What a run has spent and has set aside, against its budget."""

    def __init__(self, budget: Budget, spent: Mapping[str, float] | None = None) -> None:
        self.budget = budget
        self.spent: dict[str, float] = dict.fromkeys(RESOURCES, 0.0) | dict(spent or {})
        self._reserved: dict[str, float] = dict.fromkeys(RESOURCES, 0.0)

    def remaining(self, resource: Resource) -> float:
        limit: float | None = getattr(self.budget, resource)
        return float("inf") if limit is None else limit - self.spent[resource] - self._reserved[resource]

    @contextmanager
    def reserve(self, **amounts: float) -> Generator[Reservation]:
        """Set aside the most that the block may spend. Raises BudgetExceededError, having set nothing aside.

        When the block fails, what it says it spent counts, and nothing if it says nothing.
        """
        unknown = set(amounts) - set(RESOURCES)
        if unknown:
            raise ValueError(f"{min(unknown)!r} is no resource; there are {', '.join(RESOURCES)}")
        for name in RESOURCES:
            if amounts.get(name, 0.0) > self.remaining(name):
                limit = getattr(self.budget, name)
                raise BudgetExceededError(name, limit, self.spent[name] + self._reserved[name] + amounts[name])
        for name, amount in amounts.items():
            self._reserved[name] += amount
        reservation = Reservation(dict(amounts))
        try:
            yield reservation
            if reservation.spent is None:
                reservation.spent = reservation.amounts
        finally:
            for name, amount in amounts.items():
                self._reserved[name] -= amount
            for name, amount in (reservation.spent or {}).items():
                self.spent[name] = self.spent.get(name, 0.0) + amount

    def check(self) -> None:
        """Raises BudgetExceededError when what was spent, or the memory in use, is over the limit already."""
        for name in RESOURCES:
            limit: float | None = getattr(self.budget, name)
            if limit is not None and self.spent[name] > limit:
                raise BudgetExceededError(name, limit, self.spent[name])
        if self.budget.memory_mb is not None and (used := resident_mb()) > self.budget.memory_mb:
            raise BudgetExceededError("MB of memory", self.budget.memory_mb, used)


def narrower(one: Budget | None, other: Budget | None) -> Budget | None:
    """The tighter limit of each kind."""
    if one is None or other is None:
        return one or other

    def tighter(name: str) -> float | None:
        limits: list[float] = [v for v in (getattr(one, name), getattr(other, name)) if v is not None]
        return min(limits) if limits else None

    return Budget(**{f.name: tighter(f.name) for f in fields(Budget)})


def resident_mb() -> float:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, IndexError):
        return 0.0
