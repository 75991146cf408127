"""Calls at random against a scripted server, and the ledger against the server's own count.

Each call has a number, which stands in its prompt; the server answers by it. So it is known, for every request, what
was reported to the client and what was not.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from model_calls import direct_at
from scripted_server import Drop, Failure, Garbage, Hang, Reply, Request, ScriptedServer, Step

from codefactory.pipelines.budget import Budget, Ledger, Spending
from codefactory.pipelines.completion import complete
from codefactory.pipelines.models import Message, ModelError, Price, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from codefactory.pipelines.models import Model

PRICE = Price(1e-6, 3e-6, 1e-7)
TIMEOUT_S = 2.0
SIDE_BY_SIDE = 64


@dataclass
class Account:
    """What one call was, by one of the two sides."""

    input_tokens: int = 0
    output_tokens: int = 0
    unknown: bool = False
    """Whether something of it may have been billed that nobody reported."""


@dataclass
class Comparison:
    calls: int
    requests: int
    cancelled: int
    failed: int
    unknown: int
    """Calls that the ledger says are of unknown usage."""
    differences: list[str] = field(default_factory=list[str])
    """Calls whose tokens differ, or whose usage is unknown and not said to be."""
    careful: int = 0
    """Cancelled calls that the ledger says are unknown, though the server got nothing or had reported all."""
    totals: str = ""


async def compare(calls: int, seed: int) -> Comparison:
    """Make `calls` calls, one ledger each and one spending for all."""
    shared = Spending(Budget(max_tokens=10**12, max_usd=None, max_seconds=10**6))
    chance = random.Random(seed)
    plans = {number: _plan(random.Random(chance.random())) for number in range(calls)}
    tried: defaultdict[int, int] = defaultdict(int)

    nonsense: set[int] = set()

    def answer(request: Request) -> Step:
        number = _number(request)
        steps = plans[number].steps
        step = steps[min(tried[number], len(steps) - 1)]
        tried[number] += 1
        if isinstance(step, Reply) and step.garbage_after_chunks is not None:
            nonsense.add(id(request))
        return step

    ledgers: dict[int, Ledger] = {}
    free = asyncio.Semaphore(SIDE_BY_SIDE)

    async def call(number: int) -> None:
        async with free:
            spending = Spending(Budget(max_tokens=10**9, max_usd=None, max_seconds=10**6))
            ledgers[number] = spending.ledger
            model = direct_at(server.url, timeout_s=TIMEOUT_S, price=PRICE)
            cancel = plans[number].cancel
            task = asyncio.ensure_future(
                _ask(model, number, spending, lambda: cancel == "first piece" and task.cancel())
            )
            if isinstance(cancel, float):
                await asyncio.sleep(cancel)
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            for entry in spending.ledger.entries:
                shared.ledger.add(entry)

    with ScriptedServer(answer) as server:
        await asyncio.gather(*(call(n) for n in plans))
        for request in server.requests:
            request.ended.wait(5)
        requests = list(server.requests)
    return _compared(plans, ledgers, requests, nonsense, shared.ledger)


@dataclass
class _Plan:
    steps: list[Step]
    cancel: float | Literal["first piece"] | None
    """After so many seconds, or with the first piece of the reply."""


def _plan(chance: random.Random) -> _Plan:
    """Up to five tries of which all but the last fail, and perhaps a cancellation."""
    cancel = chance.random()
    when = "first piece" if cancel < 0.08 else chance.random() * 0.2 if cancel < 0.14 else None
    steps: list[Step] = []
    while len(steps) < 4 and chance.random() < 0.3:
        kinds: list[Step] = [
            Failure(chance.choice([429, 500, 502, 503])),
            Failure(429, retry_after_s=0),
            Drop(),
        ]
        steps.append(chance.choice(kinds))
    kind = chance.random()
    text = "".join(str(chance.random()) for _ in range(chance.randrange(1, 12)))
    cached = chance.randrange(0, 3) if chance.random() < 0.3 else None
    pieces = -(-len(text) // 16)
    if kind < 0.04:
        steps.append(Failure(chance.choice([400, 401, 404, 413])))
    elif kind < 0.14:
        steps.append(Reply(text, cut_after_chunks=chance.randrange(0, pieces + 1)))
    elif kind < 0.18:
        steps.append(Reply(text, garbage_after_chunks=chance.randrange(0, pieces + 1)))
    elif kind < 0.20:
        steps.append(Garbage())
    elif kind < 0.21:
        steps.append(chance.choice([Hang(), Reply(text, hang_after_chunks=chance.randrange(0, pieces + 1))]))
    elif kind < 0.28:
        steps.append(Reply(text, usage="none"))
    elif kind < 0.32:
        steps.append(Reply("", usage=(chance.randrange(9), 0)))
    else:
        steps.append(
            Reply(text, cached_tokens=cached, delay_s=0.02 if when is not None else 0.002 * (chance.random() < 0.2))
        )
    return _Plan(steps, when)


async def _ask(model: Model, number: int, spending: Spending, begun: Callable[[], object]) -> None:
    messages = [Message("user", f"call {number}.")]
    with suppress(ModelError):
        await complete(model, messages, spending, role="qa", max_output_tokens=500, report=lambda _: begun())


def _number(request: Request) -> int:
    found = re.search(r"call (\d+)\.", request.prompt)
    assert found is not None
    return int(found[1])


def _compared(
    plans: dict[int, _Plan],
    ledgers: dict[int, Ledger],
    requests: Iterable[Request],
    nonsense: Container[int],
    everything: Ledger,
) -> Comparison:
    """`nonsense`: requests answered with an event that ends the stream for the client: what is reported after it, the
    client does not read."""
    theirs: defaultdict[int, Account] = defaultdict(Account)
    count = 0
    for request in requests:
        count += 1
        account = theirs[_number(request)]
        if request.reported is not None and id(request) not in nonsense:
            account.input_tokens += request.reported[0]
            account.output_tokens += request.reported[1]
        elif request.status is None or request.status == 200:
            account.unknown = True
    found = Comparison(len(plans), count, 0, 0, 0, totals=str(everything.totals))
    for number in plans:
        entries = ledgers[number].entries if number in ledgers else ()
        ours = Account()
        outcome = ""
        for entry in entries:
            ours.input_tokens += entry.usage.input_tokens or 0
            ours.output_tokens += entry.usage.output_tokens or 0
            ours.unknown |= entry.usage.total_tokens is None or entry.usage.unreported > 0
            outcome = entry.outcome
            if entry.usage.total_tokens is not None and entry.outcome == "completed":
                found.differences += _wrong_cost(number, entry.usage)
        found.cancelled += outcome == "cancelled"
        found.failed += outcome == "failed"
        found.unknown += ours.unknown
        their = theirs[number]
        if outcome == "cancelled" and ours.unknown:
            # What is reported to a client that has gone is, for the client, unknown.
            found.careful += not their.unknown
            continue
        if ours != their:
            found.differences.append(f"call {number} ({outcome}): ledger {ours}, server {their}")
    return found


def _wrong_cost(number: int, usage: Usage) -> list[str]:
    expected = PRICE.cost_usd(usage)
    return [] if usage.cost_usd == expected else [f"call {number}: ${usage.cost_usd} instead of ${expected}"]
