"""`complete()`: one question to a model, within a budget and on record."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Unpack, runtime_checkable

from .budget import estimate_tokens
from .models import Chunk, Message, ModelError, Options, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from .budget import Spending
    from .ledger.trials import Result
    from .models import Finish, Model, Price, Role, ToolCall


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole reply."""

    text: str
    usage: Usage
    finish: Finish | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    model: str = ""
    """The one that answered."""
    replayed: bool = False
    """Whether it is from our own cache of replies: nothing was sent."""
    duration_s: float = 0.0
    """From the request to the last word; waits for rate limits are not in it."""
    notes: tuple[str, ...] = ()
    """Why other models of the route did not answer, for people."""

    @property
    def truncated(self) -> bool:
        """Whether it ends because it reached the limit of its length."""
        return self.finish == "length"

    @property
    def message(self) -> Message:
        """As it stands in the conversation that goes on."""
        return Message("assistant", self.text, tool_calls=self.tool_calls)


@dataclass(frozen=True)
class Question:
    """What is asked, whoever is asked."""

    messages: Sequence[Message]
    role: Role
    max_output_tokens: int
    options: Options = field(default_factory=Options)
    report: Callable[[str], None] = lambda _: None
    """Is given each piece of the reply. When a reply broke off, those of another one follow."""
    notice: Callable[[str], None] = lambda _: None
    """Is told why it takes longer: a wait for a rate limit, another model being asked."""

    @cached_property
    def input_tokens(self) -> int:
        """Estimated, on the high side."""
        return estimate_tokens(self.messages, self.options.get("tools", ()), self.options.get("schema"))


@runtime_checkable
class Router(Protocol):
    """A `Model` that hands each question on to one of several."""

    async def ask(self, question: Question, spending: Spending) -> Completion:
        """Raises ModelError when none of them answers."""
        ...

    def judged(self, completion: Completion, result: Result, number: int, *, repeated: bool = False) -> str | None:
        """What became of a reply, in the round of that number. Says so when another model is asked from now on.
        `repeated`: the model has given the same reply before."""
        ...


async def complete(
    model: Model,
    messages: Sequence[Message],
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = 4096,
    report: Callable[[str], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
    **options: Unpack[Options],
) -> Completion:
    """Ask once and wait for the whole reply. `report` and `notice`: see `Question`.

    Raises ModelError, of category "budget" where a limit of `spending` is in the way, before or during the call.
    Cancelling the task ends the request. The ledger has an entry in every case in which something was sent.
    """
    question = Question(messages, role, max_output_tokens, options, report, notice)
    if isinstance(model, Router):
        return await model.ask(question, spending)
    return await ask_one(model, await model.price(), question, spending)


async def ask_one(
    model: Model, price: Price | None, question: Question, spending: Spending, *, by_price: bool = False
) -> Completion:
    """As `complete`, of one model. `by_price`: the cost follows from `price`, whatever the backend says."""
    reserving = spending.admit(
        model.name,
        question.role,
        question.messages,
        question.max_output_tokens,
        price,
        input_tokens=question.input_tokens,
    )
    with await reserving as reservation:
        started_s = time.perf_counter()
        stream = model.complete(question.messages, max_output_tokens=reservation.max_output_tokens, **question.options)
        try:
            async with asyncio.timeout(spending.seconds_left):
                completion = await gather(stream, question.report)
        except TimeoutError:
            reservation.settle(Usage(), "cancelled")
            raise ModelError("budget", spending.exceeded() or "The time is up.") from None
        usage = completion.usage
        if price is not None and (by_price or usage.cost_usd is None):
            usage = replace(usage, cost_usd=price.cost_usd(usage))
        reservation.settle(usage)
    duration_s = time.perf_counter() - started_s
    return replace(completion, usage=usage, model=model.name, duration_s=duration_s)


async def gather(stream: AsyncGenerator[Chunk], report: Callable[[str], None] = lambda _: None) -> Completion:
    """A streamed reply as one. Raises what the stream raises."""
    pieces: list[str] = []
    last = Chunk("")
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            if chunk.text:
                pieces.append(chunk.text)
                report(chunk.text)
            if chunk.usage or chunk.finish or chunk.tool_calls:
                last = Chunk(
                    "", chunk.usage or last.usage, chunk.finish or last.finish, chunk.tool_calls or last.tool_calls
                )
    return Completion("".join(pieces), last.usage or Usage(), last.finish, last.tool_calls)
