"""`complete()`: one question to a model, within a budget and on record."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from .budget import estimate_tokens
from .models import Chunk, Message, ModelError, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from .budget import Spending
    from .models import Finish, Model, Options, Role, ToolCall


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole reply."""

    text: str
    usage: Usage
    finish: Finish | None = None
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether it ends because it reached the limit of its length."""
        return self.finish == "length"

    @property
    def message(self) -> Message:
        """As it stands in the conversation that goes on."""
        return Message("assistant", self.text, tool_calls=self.tool_calls)


async def complete(
    model: Model,
    messages: Sequence[Message],
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = 4096,
    report: Callable[[str], None] = lambda _: None,
    **options: Unpack[Options],
) -> Completion:
    """Ask once and wait for the whole reply; `report` is given each piece of it as it comes.

    Raises ModelError, of category "budget" where a limit of `spending` is in the way, before or during the call.
    Cancelling the task ends the request. The ledger has an entry in every case in which something was sent.
    """
    price = await model.price()
    input_tokens = estimate_tokens(messages, options.get("tools", ()), options.get("schema"))
    admitted = spending.admit(model.name, role, messages, max_output_tokens, price, input_tokens=input_tokens)
    with await admitted as reservation:
        stream = model.complete(messages, max_output_tokens=reservation.max_output_tokens, **options)
        try:
            async with asyncio.timeout(spending.seconds_left):
                completion = await gather(stream, report)
        except TimeoutError:
            reservation.settle(Usage(), "cancelled")
            raise ModelError("budget", spending.exceeded() or "The time is up.") from None
        reservation.settle(completion.usage)
    return completion


async def gather(stream: AsyncGenerator[Chunk], report: Callable[[str], None] = lambda _: None) -> Completion:
    """A streamed reply as one. Raises what the stream raises."""
    pieces: list[str] = []
    last = Chunk("")
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            if chunk.text:
                pieces.append(chunk.text)
                report(chunk.text)
            last = Chunk(
                "", chunk.usage or last.usage, chunk.finish or last.finish, chunk.tool_calls or last.tool_calls
            )
    return Completion("".join(pieces), last.usage or Usage(), last.finish, last.tool_calls)
