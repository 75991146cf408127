"""Replies that are data: asked for by a schema, read out of what the model wrote, validated, asked for once more."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, overload

from .completion import complete
from .models import Message, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .budget import Spending
    from .completion import Completion
    from .models import Model, Role, ToolSpec

    class Ask(Protocol):
        """One question to a model, however it is paid for."""

        async def __call__(
            self,
            messages: Sequence[Message],
            *,
            tools: Sequence[ToolSpec] = (),
            schema: Mapping[str, Any] | None = None,
        ) -> Completion: ...


_T = TypeVar("_T")

MAX_ERRORS = 5
"""More would not help a model; the first ones are often the cause of the others."""
_ERROR_CHARACTERS = 200
_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
_MAX_STARTS = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """What a reply has to be."""

    schema: Mapping[str, Any]
    check: Callable[[Any], tuple[Any, tuple[str, ...]]]
    """Parsed JSON → the value, and what is wrong with it."""


class NotJSONError(ValueError):
    """A reply in which there is no JSON."""


@overload
async def complete_structured(
    model: Model,
    messages: Sequence[Message],
    schema: type[_T],
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = ...,
    repairs: int = ...,
    report: Callable[[str], None] = ...,
    temperature: float = ...,
    seed: int | None = ...,
) -> _T: ...
@overload
async def complete_structured(
    model: Model,
    messages: Sequence[Message],
    schema: Mapping[str, Any],
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = ...,
    repairs: int = ...,
    report: Callable[[str], None] = ...,
    temperature: float = ...,
    seed: int | None = ...,
) -> Any: ...
async def complete_structured(
    model: Model,
    messages: Sequence[Message],
    schema: Any,
    spending: Spending,
    *,
    role: Role,
    max_output_tokens: int = 4096,
    repairs: int = 1,
    report: Callable[[str], None] = lambda _: None,
    temperature: float = 0.0,
    seed: int | None = None,
) -> Any:
    """A reply that is valid by `schema`: a JSON schema, or a type that pydantic can validate, of which it is then a
    value.

    The provider is asked to hold the model to the schema. What comes is validated in any case; a reply that is not
    valid goes back to the model with the errors, `repairs` times, within the budget. Raises ModelError, "invalid" where
    that did not help, and ValueError for a schema that is none.
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
    return await ask_structured(ask, model.name, messages, await shape_of(schema), repairs=repairs)


async def ask_structured(
    ask: Ask,
    name: str,
    messages: Sequence[Message],
    shape: Shape,
    *,
    repairs: int = 1,
    first: Completion | None = None,
) -> Any:
    """As `complete_structured`, by any way of asking the model `name`. `first`: a reply that has come already."""
    conversation = told_of(messages, shape.schema)
    completion = first or await ask(conversation, schema=shape.schema)
    for left in range(repairs, -1, -1):
        value, errors = await asyncio.to_thread(read, completion.text, shape)
        if not errors:
            return value
        if completion.finish == "filtered":
            raise _invalid(f"{name}: the provider held the reply back. Ask in another way.")
        if completion.truncated:
            raise _invalid(f"{name}: the reply reached its limit of tokens before it was complete. Allow more.")
        if not left:
            tries = f" after {repairs + 1} tries" if repairs else ""
            raise _invalid(f"{name}: the reply does not follow the schema{tries}: {'; '.join(errors)}.")
        conversation = [*conversation, completion.message, Message("user", _correction(errors))]
        completion = await ask(conversation, schema=shape.schema)
    raise AssertionError


def told_of(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    """The conversation with the schema in words, for models that nobody holds to it. Many take one system message only,
    and at the beginning."""
    words = f"Reply with JSON only, without any other text. It has to follow this JSON schema:\n{json.dumps(schema)}"
    if messages and messages[0].role == "system":
        return [Message("system", f"{messages[0].content}\n\n{words}"), *messages[1:]]
    return [Message("system", words), *messages]


async def shape_of(schema: Any) -> Shape:
    """From a JSON schema or a type. Raises ValueError for what is neither."""
    if isinstance(schema, dict):
        return await asyncio.to_thread(_shape_of_schema, cast("dict[str, Any]", schema))
    return _shape_of_type(schema)


def _shape_of_schema(schema: dict[str, Any]) -> Shape:
    import jsonschema
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind: Any = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"the schema is none: {error.message} (at {error.json_path})") from None
    # A registry of its own, for without one it would fetch references from the network.
    validator = kind(schema, registry=Registry[Any]())

    def check(value: Any) -> tuple[Any, tuple[str, ...]]:
        try:
            found = [*_first(validator.iter_errors(value))]
        except Unresolvable as error:
            raise ValueError(f"the schema refers to {error.ref!r}, which is not in it") from None
        return value, tuple(_line(f"{e.json_path}: {e.message}") for e in found)

    return Shape(schema, check)


def _first(errors: Any) -> list[Any]:
    return [error for _, error in zip(range(MAX_ERRORS), errors, strict=False)]


def _shape_of_type(kind: Any) -> Shape:
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        schema = adapter.json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        raise ValueError(f"{kind!r} has no JSON schema") from error

    def check(value: Any) -> tuple[Any, tuple[str, ...]]:
        try:
            return adapter.validate_python(value), ()
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
            return None, tuple(_line(f"{'.'.join(('$', *map(str, e['loc'])))}: {e['msg']}") for e in found)

    return Shape(schema, check)


def read(reply: str, shape: Shape) -> tuple[Any, tuple[str, ...]]:
    """The value in a reply, and what is wrong with it."""
    try:
        data = json_in(reply)
    except NotJSONError as error:
        return None, (str(error),)
    return shape.check(data)


def json_in(reply: str) -> Any:
    """The JSON in a reply: all of it, else in a fence, else the first object or array in it. Raises NotJSONError."""
    for candidate in (reply, *_FENCE.findall(reply)):
        try:
            return json.loads(candidate, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            continue
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    starts = [m.start() for m in re.finditer(r"[{\[]", reply)][:_MAX_STARTS]
    for start in starts:
        try:
            return decoder.raw_decode(reply, start)[0]
        except (ValueError, RecursionError):
            continue
    raise NotJSONError("it is no JSON" if starts else "there is no JSON in it")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _ERROR_CHARACTERS else text[: _ERROR_CHARACTERS - 1] + "…"


def _correction(errors: Sequence[str]) -> str:
    listed = "\n".join(f"- {error}" for error in errors)
    return f"Your reply does not follow the schema:\n{listed}\n\nReply again, with the corrected JSON only."


def _invalid(message: str) -> ModelError:
    return ModelError("invalid", message, unreported=0)
