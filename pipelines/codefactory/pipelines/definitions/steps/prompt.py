"""`prompt`: a question to a model."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.errors import Category, StepError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from codefactory.pipelines.completion import Completion
    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.engine.budget import Reservation
    from codefactory.pipelines.models import Message, Model, ModelError, ModelErrorCategory, Price, ToolSpec, Usage
    from codefactory.pipelines.structured import Ask
    from codefactory.pipelines.tool_use import Tool

CATEGORIES: dict[ModelErrorCategory, Category] = {
    "transient": "transient",
    "rate-limited": "rate_limited",
    "timeout": "timeout",
    "invalid": "invalid_output",
    "budget": "budget",
}
"""Of all others, the engine says "fatal"."""
TOOL_ROUNDS = 8


class PromptConfig(Strict):
    """Asks a model. The output is its reply: a text, or with a schema the data."""

    prompt: str = Field(description="The question.", examples=["Summarize in one sentence: {{ inputs.text }}"])
    system: str | None = Field(default=None, description="What the model is to know and to keep to.")
    model: str | None = Field(
        default=None,
        description="The model, as provider/name. Without it: the one that the user has set.",
        examples=["openai/gpt-4o-mini"],
    )
    max_tokens: int = Field(default=4096, ge=1, description="The longest reply, in tokens.")
    temperature: float = Field(default=0.0, ge=0, le=2, description="How much is left to chance.")
    seed: int | None = Field(default=None, description="Makes chance repeatable, with providers that take one.")
    schema_: dict[str, Any] | None = Field(
        default=None, alias="schema", description="A JSON schema: the reply is data that is valid by it."
    )
    tools: list[str] = Field(default=[], description="Registered functions that the model may have called.")
    stream: bool = Field(default=True, description="Whether the reply is shown while it is written.")


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    model = config.get("model")
    if isinstance(model, str) and model.partition("/")[0] in {"recorded", "scripted"}:
        yield "model", "a file of replies can be named in your own settings only"


async def _run(config: PromptConfig, ctx: Context) -> Any:
    from codefactory.pipelines.models import Message, ModelError
    from codefactory.pipelines.structured import ask_structured, shape_of
    from codefactory.pipelines.tool_use import converse

    try:
        shape = None if config.schema_ is None else await shape_of(config.schema_)
    except ValueError as error:
        raise StepError(f"its setting `schema` is not valid: {error}") from error
    tools = _tools(config.tools, ctx)
    messages = [Message("user", config.prompt)]
    if config.system is not None:
        messages.insert(0, Message("system", config.system))
    try:
        model = await _model(config, ctx)
        ask = await _asking(config, ctx, model)
        if tools:
            conversation = await converse(ask, model.name, messages, tools, max_rounds=TOOL_ROUNDS)
            completion, messages = conversation.completion, list(conversation.messages[:-1])
        else:
            completion = None if shape is not None else await ask(messages)
        if shape is not None:
            return await ask_structured(ask, model.name, messages, shape, first=completion)
    except ModelError as error:
        raise _step_error(error) from error
    if completion is None:
        raise AssertionError
    if completion.truncated:
        ctx.log(f"the reply ends at its limit of {config.max_tokens:,} tokens; `max_tokens` allows more", "warning")
    return completion.text


async def _model(config: PromptConfig, ctx: Context) -> Model:
    """Raises ModelError where there is none, StepError where it may not be asked."""
    model = await ctx.models(config.model)
    if refusal := ctx.policy.refuse_model(model.name):
        raise StepError(refusal)
    from codefactory.pipelines.ledger import AccountedModel

    return model.for_run(ctx.run_id) if isinstance(model, AccountedModel) else model


async def _asking(config: PromptConfig, ctx: Context, model: Model) -> Ask:
    """A way to ask that reserves from the run's budget, settles what was used, and shows the reply as it comes."""
    from codefactory.pipelines.budget import estimate_tokens
    from codefactory.pipelines.completion import Completion
    from codefactory.pipelines.models import Chunk, ModelError, Usage

    price = await model.price()
    if price is None and ctx.limits.usd is not None:
        ctx.log(f"the price of {model.name} is unknown: the budget's `usd` cannot hold it", "warning")

    async def ask(
        messages: Sequence[Message], *, tools: Sequence[ToolSpec] = (), schema: Mapping[str, Any] | None = None
    ) -> Completion:
        # What the prompt and the results of tools were made of may have secrets that the run has used.
        messages = [replace(message, content=ctx.mask(message.content)) for message in messages]
        amounts = _amounts(estimate_tokens(messages, tools, schema), config.max_tokens, price)
        with ctx.reserve(**amounts) as reservation:
            pieces: list[str] = []
            last = Chunk("")
            stream = model.complete(
                messages,
                max_output_tokens=config.max_tokens,
                temperature=config.temperature,
                tools=tools,
                schema=schema,
                seed=config.seed,
            )
            try:
                async with aclosing(stream) as chunks:
                    async for chunk in chunks:
                        if chunk.text:
                            pieces.append(chunk.text)
                            if config.stream:
                                await ctx.emit(chunk.text)
                        last = chunk
            except ModelError as error:
                reservation.settle(**{k: v * error.unreported for k, v in amounts.items()})
                raise
            except BaseException:  # cancelled: what it used is unknown, and stays charged as it was reserved
                reservation.settle(**amounts)
                raise
            usage = last.usage or Usage()
            ctx.audit("model_asked", model=model.name, tokens=usage.total_tokens, usd=usage.cost_usd)
            _settle(reservation, amounts, usage)
        return Completion("".join(pieces), usage, last.finish, last.tool_calls)

    return ask


def _amounts(input_tokens: int, output_tokens: int, price: Price | None) -> dict[str, float]:
    amounts: dict[str, float] = {"tokens": input_tokens + output_tokens, "calls": 1}
    return amounts if price is None else amounts | {"usd": price.at_most(input_tokens, output_tokens)}


def _settle(reservation: Reservation, amounts: Mapping[str, float], usage: Usage) -> None:
    """What was used in the place of what was reserved; what nobody reported stays as it was reserved."""
    used: dict[str, float | None] = {"tokens": usage.total_tokens, "usd": usage.cost_usd}
    spent: dict[str, float] = {}
    for resource, reserved in amounts.items():
        known = used.get(resource)
        spent[resource] = (reserved if known is None else known) + usage.unreported * reserved
    reservation.settle(**spent)


def _tools(names: Sequence[str], ctx: Context) -> list[Tool]:
    """Each as the model may have it called: with this step's context, and only if the policy allows what it does."""
    if not names:
        return []
    from codefactory.pipelines.tool_use import Tool, ToolArgumentsError
    from codefactory.pipelines.tools import ArgumentsError, default_tools

    def offered(name: str) -> Tool:
        found = default_tools().get(name)
        if refusal := found.refuse(ctx.policy):
            raise StepError(refusal)

        async def call(arguments: str) -> Any:
            try:
                return await found.invoke_json(arguments, ctx)
            except ArgumentsError as error:
                raise ToolArgumentsError(str(error)) from None

        return Tool(found.spec(), call)

    return [offered(name) for name in names]


def _step_error(error: ModelError) -> StepError:
    return StepError(str(error), CATEGORIES.get(error.category, "fatal"), error.retry_after_s)


PROMPT = StepType(
    "prompt",
    PromptConfig,
    _run,
    "Ask a model.",
    # The model's address is the user's to say, not the definition's: it is none of the policy's hosts.
    effects=frozenset(("costs",)),
    problems=_problems,
    example="type: prompt\nwith: {prompt: What is a ledger?}",
)
