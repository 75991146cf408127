"""`Tool`: a function with type hints, and what others need to know to call it."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError

from codefactory.pipelines.engine.binding import fingerprint, signature_of, wants_context
from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.engine.plan import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from codefactory.pipelines.definitions.registry import Effect
    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.models.model import ToolSpec
    from codefactory.pipelines.policy import AccessPolicy

_NEEDS = {"reads": "read", "writes": "write", "network": "hosts", "costs": "models"}
_DOES = {"reads": "reads files", "writes": "changes files", "network": "reaches hosts", "costs": "asks models"}
UNKNOWN: frozenset[Effect] = frozenset(("reads", "writes", "network", "executes", "costs"))
"""The effects of a function that does not say."""


class ToolError(StepError):
    """A function cannot be a tool, or cannot be called as asked."""


class ArgumentsError(ToolError):
    """The arguments do not fit the tool."""


@dataclass(frozen=True)
class Tool:
    """Call it as the function that it is made of, or by `invoke` with arguments that come from outside."""

    name: str
    function: Callable[..., Any]
    description: str
    effects: frozenset[Effect] = UNKNOWN
    _arguments: type[BaseModel] = field(repr=False, default=BaseModel)
    _context: str | None = None
    """The parameter that takes the step's `Context`."""
    _returns: Any = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, an object."""
        schema = _untitled(self._arguments.model_json_schema(by_alias=True))
        return {"type": "object", "properties": {}, **schema}

    @cached_property
    def result(self) -> dict[str, Any]:
        """The JSON Schema of the result; empty where the function does not say."""
        return {} if self._returns is None else _untitled(TypeAdapter(self._returns).json_schema(mode="serialization"))

    @property
    def version(self) -> str:
        return fingerprint(self.function)

    def spec(self) -> ToolSpec:
        """As a model is told of it."""
        from codefactory.pipelines.models.model import ToolSpec

        return ToolSpec(self.name, self.description, self.parameters)

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them. Raises ArgumentsError naming the one that is wrong."""
        try:
            checked = self._arguments.model_validate(dict(arguments), strict=False)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                known = ", ".join(f"`{n}`" for n in self.parameters["properties"]) or "none"
                raise ArgumentsError(f"the tool `{self.name}` has no parameter `{place}`; it has {known}") from error
            raise ArgumentsError(f"the tool `{self.name}`: argument `{place}`: {first['msg']}") from error
        named = {f.alias or n: n for n, f in type(checked).model_fields.items()}
        return {alias: getattr(checked, n) for alias, n in named.items() if n in checked.model_fields_set}

    def refuse(self, policy: AccessPolicy) -> str | None:
        """Why a run with this policy may not call it; None if it may."""
        for effect, setting in _NEEDS.items():
            if effect in self.effects and getattr(policy, setting) == ():
                does = _DOES[effect]
                return f"the tool `{self.name}` may not be called: it {does}, and the policy's `{setting}` is empty"
        return None

    async def invoke_json(self, arguments: str, ctx: Context) -> Any:
        """As `invoke`, with arguments as a model wrote them."""
        import json

        try:
            given: Any = json.loads(arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise ArgumentsError(f"the arguments are not JSON: {error}") from error
        if not isinstance(given, dict):
            raise ArgumentsError("the arguments are no JSON object")
        return await self.invoke(given, ctx)  # pyright: ignore[reportUnknownArgumentType]

    async def invoke(self, arguments: Mapping[str, Any], ctx: Context) -> Any:
        """The result in its JSON form. A function that is no coroutine runs in a thread.

        Raises ToolError for arguments or a result that do not fit, and what the function raises.
        """
        named = self.check(arguments)
        if self._context is not None:
            named[self._context] = ctx
        if inspect.iscoroutinefunction(self.function):
            value = await self.function(**named)
        else:
            value = await ctx.scope.run.engine.threads.run(lambda: self.function(**named))
        return self._dumped(value)

    def _dumped(self, value: Any) -> Any:
        if self._returns is None:
            return value
        adapter: TypeAdapter[Any] = TypeAdapter(self._returns)
        try:
            return adapter.dump_python(adapter.validate_python(value), mode="json", by_alias=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = "".join(f".{part}" for part in first["loc"])
            raise ToolError(
                f"the tool `{self.name}` gave something else than it says: `result{where}`: {first['msg']}",
                "invalid_output",
            ) from error


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effects: Iterable[Effect] = (),
) -> Any:
    """Make a tool of a function: as `@tool` or `@tool(effects={"reads"})`. Raises ToolError.

    `effects`: what it does to the world; none, unless said. `description`: else the docstring's first paragraph.
    """

    def made(function: Callable[..., Any]) -> Tool:
        return tool_of(function, name, description, frozenset(effects))

    return made if function is None else made(function)


def tool_of(
    function: Any, name: str | None = None, description: str | None = None, effects: frozenset[Effect] = UNKNOWN
) -> Tool:
    """A tool, as it is, or made of a function. Raises ToolError."""
    if isinstance(function, Tool):
        return function if name is None else _renamed(function, name)
    if not callable(function):
        raise ToolError(f"`{name or function!r}` is no function")
    name = name or str(getattr(function, "__name__", type(function).__name__))
    signature = signature_of(function)
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}:
        raise ToolError(f"the tool `{name}` must have named parameters only: no `*`, `**` or `/`")
    context = next((p.name for p in signature.parameters if wants_context(p)), None)
    hints = _hints(function)
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(p for p in signature.parameters if not wants_context(p)):
        default = ... if parameter.default is MISSING else parameter.default
        # A name of our own: a parameter may be called as something that models have.
        fields[f"p{number}"] = (
            hints.get(parameter.name, Any if parameter.type is None else parameter.type),
            Field(default, alias=parameter.name),
        )
    try:
        arguments = create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
        made = Tool(name, function, _described(function, description), effects, arguments, context, signature.returns)
        made.parameters  # noqa: B018 a type without a schema is said now
        made.result  # noqa: B018
    except (PydanticUserError, PydanticSchemaGenerationError, TypeError) as error:
        raise ToolError(
            f"the tool `{name}` has a type that no JSON stands for: {str(error).splitlines()[0]}"
        ) from error
    return made


def _hints(function: Any) -> dict[str, Any]:
    """Types with what `Annotated` says of them."""
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def _renamed(made: Tool, name: str) -> Tool:
    from dataclasses import replace

    return replace(made, name=name)


def _described(function: Any, description: str | None) -> str:
    text = description if description is not None else inspect.getdoc(function) or ""
    return " ".join(text.split("\n\n")[0].split())


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names."""
    if isinstance(schema, dict):
        items: dict[str, Any] = schema  # pyright: ignore[reportUnknownVariableType]
        return {
            k: {n: _untitled(s) for n, s in v.items()} if k == "properties" else _untitled(v)
            for k, v in items.items()
            if k != "title"
        }
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]  # pyright: ignore[reportUnknownVariableType]
    return schema
