"""`function`: a Python function by name. Only in definitions that the user has trusted: it is code."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.binding import signature_of, wants_context
from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.engine import Context


class FunctionConfig(Strict):
    """Calls a Python function."""

    call: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        description="Module and function.",
        examples=["json:dumps"],
    )
    arguments: dict[str, Any] = Field(default={}, description="Its arguments by name.")


async def _run(config: FunctionConfig, ctx: Context) -> Any:
    function = _find(config.call)
    arguments = dict(config.arguments)
    for parameter in signature_of(function).parameters:
        if wants_context(parameter):
            arguments[parameter.name] = ctx
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise StepError(f"`{config.call}`: {error}") from error
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    return await ctx.scope.run.engine.threads.run(lambda: function(**arguments))


def _find(name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise StepError(f"`{name}` cannot be found: {error}") from error
    if not callable(found):
        raise StepError(f"`{name}` is no function")
    return found


FUNCTION = StepType(
    "function",
    FunctionConfig,
    _run,
    "Call a Python function.",
    effects=frozenset(("executes",)),
    trusted=True,
    example="type: function\nwith: {call: 'json:dumps', arguments: {obj: [1, 2]}}",
)
