"""`Budget`: the cap on what a run may use. `Spending`: what it has used. `Ledger`: every call, for the record.

Nothing is sent before it is reserved, at an estimate on the high side; what the provider reports then takes the place
of the estimate. What is not reported stays charged as it was reserved. These hold for one run; an `Account` in
`codefactory.pipelines.ledger` adds the limits of a day and of a workspace, and keeps the record.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from .models import NO_USAGE, ModelError, Price, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .ledger import Account
    from .models import Message, Role, ToolSpec
    from .settings import BudgetSettings

CHARACTERS_PER_TOKEN = 3.3
"""Of ASCII. Tokenizers make 3.5 to 4.5 characters of code into a token."""
BYTES_PER_TOKEN = 2
"""Of everything else, in UTF-8."""
TOKENS_PER_MESSAGE = 8
TOKENS_PER_IMAGE = 1600
"""What the larger providers reckon at most for one that they have scaled down."""
LEAST_OUTPUT_TOKENS = 128
"""A reply that may be no longer than this is not worth asking for."""

Outcome = Literal["completed", "failed", "cancelled", "cached"]
"""`cached`: answered from our own cache of replies; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one run. `max_usd`: None for no limit."""

    max_rounds: int = 3
    max_tokens: int = 60_000
    max_usd: float | None = 1.0
    max_seconds: float = 300.0

    @classmethod
    def of(cls, settings: BudgetSettings) -> Self:
        return cls(settings.max_rounds, settings.max_tokens, settings.max_usd, settings.max_seconds)


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of a model."""

    model: str
    role: Role
    usage: Usage
    """As the provider reported it."""
    duration_s: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of what is known, and how many calls they leave out."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    calls_of_unknown_usage: int
    calls_of_unknown_price: int

    def __str__(self) -> str:
        said = f"{self.calls} calls, {self.input_tokens:,} + {self.output_tokens:,} tokens, ${self.cost_usd:.4f}"
        if self.calls_of_unknown_usage:
            said += f"; the usage of {self.calls_of_unknown_usage} is unknown"
        if self.calls_of_unknown_price:
            said += f"; the price of {self.calls_of_unknown_price} is unknown"
        return said


class Ledger:
    """Every call. Thread-safe."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    @property
    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            return tuple(self._entries)

    @property
    def totals(self) -> Totals:
        usages = [e.usage for e in self.entries]
        return Totals(
            calls=len(usages),
            input_tokens=sum(u.input_tokens or 0 for u in usages),
            output_tokens=sum(u.output_tokens or 0 for u in usages),
            cost_usd=sum(u.cost_usd or 0.0 for u in usages),
            calls_of_unknown_usage=sum(u.total_tokens is None or u.unreported > 0 for u in usages),
            calls_of_unknown_price=sum(u.total_tokens is not None and u.cost_usd is None for u in usages),
        )


class Spending:
    """What has been used of a budget. Thread-safe: runs side by side may share one.

    `clock` gives monotonic seconds; the time runs from now on.
    """

    def __init__(
        self,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
        ledger: Ledger | None = None,
        account: Account | None = None,
    ) -> None:
        self.budget = budget
        self.ledger = ledger or Ledger()
        self._account = account
        self._clock = clock
        self._started_s = clock()
        self._lock = threading.Lock()
        self._rounds = 0
        self._tokens = 0
        self._usd = 0.0
        self._unpriced: dict[str, None] = {}

    @property
    def tokens(self) -> int:
        """Used and reserved."""
        return self._tokens

    @property
    def usd(self) -> float:
        """Used and reserved, as far as prices are known."""
        return self._usd

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.budget.max_seconds - (self._clock() - self._started_s))

    def start_round(self) -> int:
        """The number of the round that begins, from 1. Raises ModelError("budget") when there is none left."""
        with self._lock:
            if said := self._exceeded():
                raise ModelError("budget", said)
            self._rounds += 1
            return self._rounds

    def exceeded(self) -> str | None:
        """The limit that is used up, and the setting that changes it; None while there is room for more."""
        with self._lock:
            return self._exceeded()

    def notes(self) -> tuple[str, ...]:
        """What a person has to know about how well the budget binds."""
        if self.budget.max_usd is None:
            return ()
        return tuple(
            f"The price of {model} is unknown: codefactory.budget.maxUsd cannot hold it, "
            f"codefactory.budget.maxTokens ({self.budget.max_tokens:,}) does. codefactory.prices.models can say it."
            for model in self._unpriced
        )

    def reserve(
        self,
        model: str,
        role: Role,
        messages: Sequence[Message],
        max_output_tokens: int,
        price: Price | None,
        *,
        input_tokens: int | None = None,
    ) -> Reservation:
        """Set aside what a call may use at most. The output is capped lower where the budget has no more room.
        `input_tokens`: an estimate that is better than that of the messages alone.
        Raises ModelError("budget") when there is not even room for a short reply."""
        if input_tokens is None:
            input_tokens = estimate_tokens(messages)
        with self._lock:
            if said := self._used_up():
                raise ModelError("budget", said)
            output_tokens = min(max_output_tokens, self.budget.max_tokens - self._tokens - input_tokens)
            least = min(max_output_tokens, LEAST_OUTPUT_TOKENS)
            if output_tokens < least:
                raise ModelError("budget", self._no_tokens(input_tokens))
            if price is not None and self.budget.max_usd is not None:
                left_usd = self.budget.max_usd - self._usd - price.at_most(input_tokens, 0)
                if (output_usd := price.output_usd_after(input_tokens)) > 0:
                    output_tokens = min(output_tokens, int(max(left_usd, 0.0) / output_usd))
                if left_usd < 0 or output_tokens < least:
                    raise ModelError("budget", self._no_money(price.at_most(input_tokens, least)))
            if price is None:
                self._unpriced[model] = None
            usd = 0.0 if price is None else price.at_most(input_tokens, output_tokens)
            self._tokens += input_tokens + output_tokens
            self._usd += usd
        return Reservation(self, model, role, input_tokens, output_tokens, price, usd, self._clock)

    async def admit(
        self,
        model: str,
        role: Role,
        messages: Sequence[Message],
        max_output_tokens: int,
        price: Price | None,
        *,
        input_tokens: int | None = None,
    ) -> Reservation:
        """As `reserve`, and entered in the account, whose limits it raises ModelError("budget") for, too."""
        reservation = self.reserve(model, role, messages, max_output_tokens, price, input_tokens=input_tokens)
        if self._account is not None:
            try:
                reservation.number = await self._account.hold(reservation, self.seconds_left)
            except BaseException:
                self._release(reservation)
                raise
        return reservation

    def replayed(self, model: str, role: Role, duration_s: float) -> None:
        """Record a call that was answered from the cache of replies."""
        entry = Entry(model, role, NO_USAGE, duration_s, "cached")
        self.ledger.add(entry)
        if self._account is not None:
            self._account.note(entry)

    def _release(self, reservation: Reservation) -> None:
        """Nothing was sent: give back what was reserved, without an entry."""
        with self._lock:
            self._tokens -= reservation.input_tokens + reservation.max_output_tokens
            self._usd -= reservation.usd

    def settle(self, reservation: Reservation, usage: Usage, outcome: Outcome, duration_s: float) -> None:
        """Put what was used in the place of what was reserved. Called by the reservation, once.

        Each request behind the call that nobody reported on stays charged as the call was reserved.
        """
        reserved_tokens = reservation.input_tokens + reservation.max_output_tokens
        tokens = usage.total_tokens
        with self._lock:
            self._tokens += (0 if tokens is None else tokens - reserved_tokens) + usage.unreported * reserved_tokens
            self._usd += (0.0 if usage.cost_usd is None else usage.cost_usd - reservation.usd) + (
                usage.unreported * reservation.usd
            )
        entry = Entry(reservation.model, reservation.role, usage, duration_s, outcome)
        self.ledger.add(entry)
        if self._account is not None and reservation.number is not None:
            self._account.settle(reservation.number, entry)

    def _exceeded(self) -> str | None:
        if self._rounds >= self.budget.max_rounds:
            return f"All {self.budget.max_rounds} rounds are used up. codefactory.budget.maxRounds allows more."
        return self._used_up()

    def _used_up(self) -> str | None:
        """As `_exceeded`, within a round."""
        budget = self.budget
        if self._tokens >= budget.max_tokens:
            return self._no_tokens(0)
        if budget.max_usd is not None and self._usd >= budget.max_usd and self._usd > 0:
            return self._no_money(0.0)
        if not self.seconds_left:
            return f"{budget.max_seconds:g} s have passed. codefactory.budget.maxSeconds allows more."
        return None

    def _no_tokens(self, wanted: int) -> str:
        more = f", and the next request alone needs about {wanted:,}" if wanted else ""
        return (
            f"{self._tokens:,} of {self.budget.max_tokens:,} tokens are used up{more}. "
            "codefactory.budget.maxTokens allows more."
        )

    def _no_money(self, wanted_usd: float) -> str:
        more = f", and the next request may cost ${wanted_usd:.4f}" if wanted_usd else ""
        return (
            f"${self._usd:.4f} of ${self.budget.max_usd or 0.0:.2f} are used up{more}. "
            "codefactory.budget.maxUsd allows more."
        )


class Reservation:
    """Room for one call; a context that settles it at its end, also when the call failed or was cancelled."""

    def __init__(
        self,
        spending: Spending,
        model: str,
        role: Role,
        input_tokens: int,
        max_output_tokens: int,
        price: Price | None,
        usd: float,
        clock: Callable[[], float],
    ) -> None:
        self.model = model
        self.role: Role = role
        self.input_tokens = input_tokens
        """Estimated."""
        self.max_output_tokens = max_output_tokens
        """What the call may ask for."""
        self.price = price
        self.usd = usd
        """0.0 when the price is unknown."""
        self.number: int | None = None
        """In the account's ledger."""
        self._spending = spending
        self._clock = clock
        self._started_s = clock()
        self._settled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, ModelError):
            self.settle(NO_USAGE if not error.unreported else Usage(unreported=error.unreported - 1), "failed")
        elif error is None or isinstance(error, Exception):
            self.settle(Usage(), "failed")
        else:
            cancelled = isinstance(error, asyncio.CancelledError | GeneratorExit)
            self.settle(Usage(), "cancelled" if cancelled else "failed")

    def settle(self, usage: Usage, outcome: Outcome = "completed") -> None:
        """Charge what was really used. Only the first call counts."""
        if not self._settled:
            self._settled = True
            self._spending.settle(self, usage, outcome, self._clock() - self._started_s)


def estimate_tokens(
    messages: Sequence[Message], tools: Sequence[ToolSpec] = (), schema: Mapping[str, Any] | None = None
) -> int:
    """About how many tokens a request is, on the high side, without a tokenizer."""
    total = 0
    for message in messages:
        total += TOKENS_PER_MESSAGE + tokens_of(message.content) + TOKENS_PER_IMAGE * len(message.images)
        total += sum(TOKENS_PER_MESSAGE + tokens_of(c.name + c.arguments) for c in message.tool_calls)
    for tool in tools:
        total += TOKENS_PER_MESSAGE + tokens_of(tool.name + tool.description + json.dumps(tool.parameters))
    return total + (0 if schema is None else tokens_of(json.dumps(schema)))


def tokens_of(text: str) -> int:
    if text.isascii():
        return -int(-len(text) // CHARACTERS_PER_TOKEN)
    size = len(text.encode("utf-8", "surrogatepass"))
    ascii_size = sum(1 for c in text if c < "\x80")
    return -int(-ascii_size // CHARACTERS_PER_TOKEN) - -(size - ascii_size) // BYTES_PER_TOKEN
