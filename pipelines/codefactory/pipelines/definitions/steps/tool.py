"""`tool`: a function by its registered name, its arguments checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import Effect, StepType
from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.pipelines.engine import Context

_ALL: frozenset[Effect] = frozenset(("reads", "writes", "network", "executes", "costs"))


class ToolConfig(Strict):
    """Calls a tool. The output is its result."""

    name: str = Field(
        description="A tool that `codefactory steps tool` lists, or a function in a trusted file of the workspace.",
        examples=["check", ".codefactory/tools/words.py:count"],
    )
    arguments: dict[str, Any] = Field(default={}, description="Its arguments by name.")


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    from codefactory.pipelines.tools import ToolError, default_tools
    from codefactory.pipelines.tools.workspace import is_file

    name: Any = config.get("name")
    if not isinstance(name, str) or "{" in name or is_file(name):
        return
    try:
        default_tools().get(name)
    except ToolError as error:
        yield "name", str(error)


def _effects_of(config: dict[str, Any]) -> frozenset[Effect]:
    """A file's tools say what they do once the file is loaded, when the step runs: see `Tool.refuse`."""
    from codefactory.pipelines.tools import ToolError, default_tools
    from codefactory.pipelines.tools.workspace import is_file

    name: Any = config.get("name")
    if not isinstance(name, str) or "{" in name:
        return _ALL
    if is_file(name):
        return frozenset(("reads", "executes"))
    try:
        return default_tools().get(name).effects
    except ToolError:
        return _ALL


async def _run(config: ToolConfig, ctx: Context) -> Any:
    from codefactory.pipelines.tools import default_tools
    from codefactory.pipelines.tools.workspace import is_file, workspace_tool

    if is_file(config.name):
        from codefactory.pipelines.files.operations import Files

        access = Files.of(ctx).access
        tool = await ctx.scope.run.engine.threads.run(lambda: workspace_tool(config.name, access))
    else:
        tool = default_tools().get(config.name)
    if refusal := tool.refuse(ctx.policy):
        raise StepError(refusal)
    return await tool.invoke(config.arguments, ctx)


TOOL = StepType(
    "tool",
    ToolConfig,
    _run,
    "Call a registered function.",
    effects=_ALL,
    problems=_problems,
    effects_of=_effects_of,
    example="type: tool\nwith: {name: check, arguments: {paths: [app.py]}}",
)
