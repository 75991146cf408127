"""`Account`: the ledger for one run in one workspace, with the limits of a day and of the workspace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from codefactory.pipelines.models import ModelError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from concurrent.futures import Future

    from codefactory.pipelines.budget import Entry, Reservation
    from codefactory.pipelines.settings import BudgetSettings

    from .store import LedgerStore

GRACE_S = 60.0
"""After the longest time a call may take, until it is taken for lost."""

ROUNDING_USD = 1e-9
"""What a sum of thousands of costs may be off by."""

CHARGED_USD = "coalesce(cost_usd, reserved_usd, 0.0) + unreported * coalesce(reserved_usd, 0.0)"
CHARGED_TOKENS = "coalesce(input_tokens + output_tokens, reserved_tokens) + unreported * reserved_tokens"
"""What was not reported counts as it was reserved; so does each further request behind a call."""

ENTER = (
    "insert into call (at, day, workspace, run, role, model, state, expires_at, reserved_tokens, reserved_usd)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SETTLE = (
    "update call set state = ?, duration_s = ?, input_tokens = ?, output_tokens = ?, cached_tokens = ?, cost_usd = ?,"
    " unreported = ? where n = ?"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit. A day is the user's, from midnight to midnight; a workspace's limits are over all days."""

    usd_per_day: float | None = None
    tokens_per_day: int | None = None
    usd_per_workspace: float | None = None
    tokens_per_workspace: int | None = None

    @classmethod
    def of(cls, settings: BudgetSettings) -> Self:
        return cls(
            settings.max_usd_per_day,
            settings.max_tokens_per_day,
            settings.max_usd_per_workspace,
            settings.max_tokens_per_workspace,
        )


class Account:
    """`workspace`: a folder's path. `run`: an identifier for people. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        store: LedgerStore,
        workspace: str,
        run: str,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.workspace = workspace
        self.run = run
        self._limits = limits or Limits()
        self._clock = clock

    def for_run(self, run: str) -> Account:
        """The same, for another run."""
        return Account(self.store, self.workspace, run, self._limits, self._clock)

    async def hold(self, reservation: Reservation, max_seconds: float) -> int | None:
        """Enter a call at the most it may cost; gives its number in the ledger, None when it has none.

        Raises ModelError("budget") where a limit is in the way, or where the ledger cannot be written and there are
        limits to hold. When the wait is cancelled, what was entered is withdrawn.
        """
        from codefactory.pipelines.store import StoreError

        entering = self.store.submit(lambda connection: self._enter(connection, reservation, max_seconds))
        try:
            return await asyncio.wrap_future(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(self._withdraw)
            raise
        except StoreError as error:
            if self._limits == Limits() or (reservation.price is not None and not reservation.usd):
                return None
            raise ModelError(
                "budget",
                f"{error}. Without it the limits of a day and of a workspace cannot be held: make it writable, or set "
                "codefactory.budget.maxUsdPerDay (and the other limits of the kind) to null.",
            ) from error

    def settle(self, number: int, entry: Entry) -> None:
        """What became of a call that was entered. Written soon; at the latest before the process ends."""
        self.store.write(lambda connection: connection.execute(SETTLE, (*_settled(entry), number)))

    def note(self, entry: Entry) -> None:
        """Enter a call that has ended and has cost nothing."""

        def enter(connection: sqlite3.Connection) -> None:
            now = self._clock()
            new = (now, _day(now), self.workspace, self.run, entry.role, entry.model, entry.outcome, now, 0, 0.0)
            number = connection.execute(ENTER, new).lastrowid
            connection.execute(SETTLE, (*_settled(entry), number))

        self.store.write(enter)

    def _withdraw(self, entering: Future[int]) -> None:
        if entering.cancelled() or entering.exception():
            return
        withdrawn = ("cancelled", 0.0, 0, 0, 0, 0.0, 0)
        self.store.write(lambda connection: connection.execute(SETTLE, (*withdrawn, entering.result())))

    def _enter(self, connection: sqlite3.Connection, reservation: Reservation, max_seconds: float) -> int:
        now = self._clock()
        day = _day(now)
        mark_lost(connection, now)
        tokens = reservation.input_tokens + reservation.max_output_tokens
        usd = None if reservation.price is None else reservation.usd
        limits = self._limits
        for limit_usd, limit_tokens, column, value, setting in (
            (limits.usd_per_day, limits.tokens_per_day, "day", day, "PerDay"),
            (limits.usd_per_workspace, limits.tokens_per_workspace, "workspace", self.workspace, "PerWorkspace"),
        ):
            if limit_usd is None and limit_tokens is None:
                continue
            used_usd, used_tokens = _used(connection, column, value)
            if limit_usd is not None and usd and used_usd + usd > limit_usd + ROUNDING_USD:
                raise ModelError("budget", _no_money(used_usd, limit_usd, usd, column, setting))
            if limit_tokens is not None and used_tokens + tokens > limit_tokens:
                raise ModelError("budget", _no_tokens(used_tokens, limit_tokens, tokens, column, setting))
        new = (now, day, self.workspace, self.run, reservation.role, reservation.model, "open")
        row = connection.execute(ENTER, (*new, now + max_seconds + GRACE_S, tokens, usd))
        return row.lastrowid or 0


def mark_lost(connection: sqlite3.Connection, now: float) -> None:
    """Calls whose program must have died: what they used is unknown."""
    connection.execute("update call set state = 'lost' where state = 'open' and expires_at < ?", (now,))


def _settled(entry: Entry) -> tuple[object, ...]:
    usage = entry.usage
    tokens = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
    return (entry.outcome, entry.duration_s, *tokens, usage.cost_usd, usage.unreported)


def _used(connection: sqlite3.Connection, column: str, value: str) -> tuple[float, int]:
    """What counts against the limits of a day or of a workspace."""
    query = f"select total({CHARGED_USD}), coalesce(sum({CHARGED_TOKENS}), 0) from call where {column} = ?"  # noqa: S608
    row: Any = connection.execute(query, (value,)).fetchone()
    return float(row[0]), int(row[1])


def _no_money(used: float, limit: float, wanted: float, what: str, setting: str) -> str:
    return (
        f"${used:.4f} of the ${limit:.2f} for {_of(what)} are spent or set aside, and the next request may cost "
        f"${wanted:.4f}. codefactory.budget.maxUsd{setting} allows more; `codefactory cost --by {what}` shows the sums."
    )


def _no_tokens(used: int, limit: int, wanted: int, what: str, setting: str) -> str:
    return (
        f"{used:,} of the {limit:,} tokens for {_of(what)} are used or set aside, and the next request may take "
        f"{wanted:,}. codefactory.budget.maxTokens{setting} allows more; `codefactory cost --by {what}` shows the sums."
    )


def _of(what: str) -> str:
    return "today" if what == "day" else "this workspace"


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(now))
