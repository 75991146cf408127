"""One small question to a model, and how it does."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codefactory.pipelines.models.model import Model


@dataclass(frozen=True, slots=True)
class Trial:
    """What came back. Of an embedded model, the first answer includes loading it; the figures are of a second one."""

    model: str
    answer: str
    ready_s: float
    """Until a first, short answer was there."""
    first_token_s: float
    output_tokens: int | None
    tokens_per_s: float | None
    """Of the answer, after its first piece; None where the provider reports no usage."""


async def ask(model: Model, question: str, max_tokens: int) -> Trial:
    """Raises ModelError."""
    from codefactory.pipelines.models.model import Message

    started = time.monotonic()
    hello = model.complete((Message("user", "Say yes."),), max_output_tokens=4)
    async with aclosing(hello) as chunks:
        async for _ in chunks:
            pass
    ready_s = time.monotonic() - started
    started, first_s = time.monotonic(), None
    pieces: list[str] = []
    tokens: int | None = None
    reply = model.complete((Message("user", question),), max_output_tokens=max_tokens)
    async with aclosing(reply) as chunks:
        async for chunk in chunks:
            if chunk.text and first_s is None:
                first_s = time.monotonic() - started
            pieces.append(chunk.text)
            if chunk.usage is not None:
                tokens = chunk.usage.output_tokens
    whole_s = time.monotonic() - started
    first_s = whole_s if first_s is None else first_s
    rate = (tokens - 1) / (whole_s - first_s) if tokens is not None and tokens > 1 and whole_s > first_s else None
    return Trial(model.name, "".join(pieces), ready_s, first_s, tokens, rate)


def show(trial: Trial, output: str) -> None:
    import click

    from . import terminal

    if output == "json":
        terminal.print_json({"version": 1, **asdict(trial)})
        return
    click.echo(terminal.safe(trial.answer.strip()))
    tokens = "its tokens are unknown" if trial.output_tokens is None else f"{trial.output_tokens} tokens"
    rate = "" if trial.tokens_per_s is None else f", {trial.tokens_per_s:.1f} tokens/s"
    click.echo(
        f"\n{trial.model}: ready after {trial.ready_s:.1f} s; first word after {trial.first_token_s:.2f} s; "
        f"{tokens}{rate}"
    )
