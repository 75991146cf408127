"""Functions that a model may have called: described by their signatures, called in a bounded loop."""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .completion import complete
from .models import Message, ModelError, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from .budget import Spending
    from .completion import Completion
    from .models import Model, Role, ToolCall
    from .structured import Ask

MAX_CALLS_A_ROUND = 16
RESULT_CHARACTERS = 20_000
"""Of a tool's result, what the model is shown."""


class ToolArgumentsError(ValueError):
    """What a model wants a function called with does not fit it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function and its description."""

    spec: ToolSpec
    call: Callable[[str], Awaitable[Any]]
    """Given the arguments as the model wrote them. Raises ToolArgumentsError, and what the function raises."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made for a model."""

    call: ToolCall
    result: str
    """As the model was shown it."""
    failed: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """How a loop ended."""

    completion: Completion
    """The last one: the model wants nothing called any more."""
    messages: tuple[Message, ...]
    """All, the last reply included."""
    called: tuple[Called, ...]


def tool(function: Callable[..., Any], *, name: str | None = None, description: str | None = None) -> Tool:
    """A function as a tool. Its parameters need type hints that pydantic knows; its docstring is what the model reads.
    A function that is no coroutine is run in a thread.

    Raises TypeError for parameters that JSON cannot give.
    """
    from pydantic import ConfigDict, ValidationError, create_model

    name = name or function.__name__
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"the tool `{name}` has the parameter `{parameter}`; it has to be given by name")
        kind = Any if parameter.annotation is parameter.empty else parameter.annotation
        fields[parameter.name] = (kind, ... if parameter.default is parameter.empty else parameter.default)
    model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    schema = {key: value for key, value in model.model_json_schema().items() if key not in {"title", "description"}}

    async def call(arguments: str) -> Any:
        try:
            given = model.model_validate_json(arguments or "{}")
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[:5]
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in wrong)
            raise ToolArgumentsError(said) from None
        values = {field: getattr(given, field) for field in fields}
        if inspect.iscoroutinefunction(function):
            return await function(**values)
        return await asyncio.to_thread(function, **values)

    summary = description if description is not None else inspect.cleandoc(function.__doc__ or "")
    return Tool(ToolSpec(name, summary, schema), call)


async def complete_with_tools(
    model: Model,
    messages: Sequence[Message],
    tools: Sequence[Tool],
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = 4096,
    max_rounds: int = 8,
    report: Callable[[str], None] = lambda _: None,
    on_call: Callable[[Called], None] = lambda _: None,
    temperature: float = 0.0,
    seed: int | None = None,
) -> Conversation:
    """Ask, call what the model wants called, tell it the results, until it wants nothing more.

    A call that cannot be made, or that fails, is told to the model. Raises ModelError, "invalid" when the model still
    wants something called after `max_rounds` replies.
    """

    ask = partial(
        complete,
        model,
        spending=spending,
        role=role,
        max_output_tokens=max_output_tokens,
        report=report,
        temperature=temperature,
        seed=seed,
    )
    return await converse(ask, model.name, messages, tools, max_rounds=max_rounds, on_call=on_call)


async def converse(
    ask: Ask,
    name: str,
    messages: Sequence[Message],
    tools: Sequence[Tool],
    *,
    max_rounds: int = 8,
    on_call: Callable[[Called], None] = lambda _: None,
) -> Conversation:
    """As `complete_with_tools`, by any way of asking the model `name`."""
    known = {t.spec.name: t for t in tools}
    specs = [t.spec for t in tools]
    conversation = list(messages)
    called: list[Called] = []
    for _ in range(max_rounds):
        completion = await ask(conversation, tools=specs)
        conversation.append(completion.message)
        if not completion.tool_calls:
            return Conversation(completion, tuple(conversation), tuple(called))
        for number, wanted in enumerate(completion.tool_calls):
            if number < MAX_CALLS_A_ROUND:
                done = await _call(wanted, known)
            else:
                done = Called(wanted, f"error: no more than {MAX_CALLS_A_ROUND} calls at once", failed=True)
            called.append(done)
            on_call(done)
            conversation.append(Message("tool", done.result, tool_call_id=wanted.id))
    raise ModelError(
        "invalid",
        f"{name}: it still wants tools called after {max_rounds} rounds; its last reply is no answer.",
        unreported=0,
    )


async def _call(wanted: ToolCall, known: Mapping[str, Tool]) -> Called:
    found = known.get(wanted.name)
    if found is None:
        return Called(wanted, f"error: there is no tool {wanted.name!r}; there are {', '.join(known)}", failed=True)
    try:
        result = await found.call(wanted.arguments)
    except ToolArgumentsError as error:
        return Called(wanted, f"error: the arguments are not valid: {error}", failed=True)
    except Exception as error:  # noqa: BLE001  # the model may do without it, or call it in another way
        return Called(wanted, _shown(f"error: {type(error).__name__}: {error}"), failed=True)
    return Called(wanted, _shown(result), failed=False)


def _shown(result: Any) -> str:
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
    if len(text) <= RESULT_CHARACTERS:
        return text
    return f"{text[:RESULT_CHARACTERS]}\n[{len(text) - RESULT_CHARACTERS:,} more characters are left out]"
