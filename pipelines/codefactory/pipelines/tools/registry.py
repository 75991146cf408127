"""`Tools`: which tools there are. A package's module is imported when one of its tools is first asked for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from codefactory.pipelines.engine.assembly import did_you_mean

from .tool import Tool, ToolError, tool_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "codefactory.tools"


class Tools:
    def __init__(self, tools: Iterable[Tool] = (), points: Iterable[EntryPoint] = ()) -> None:
        self._tools = {t.name: t for t in tools}
        self._points = {p.name: p for p in points if p.name not in self._tools}

    def register(self, tool: Tool) -> None:
        """Raises ValueError if the name is taken."""
        if tool.name in self.names:
            raise ValueError(f"there is a tool `{tool.name}` already")
        self._tools[tool.name] = tool

    @property
    def names(self) -> list[str]:
        return [*self._tools, *self._points]

    def get(self, name: str) -> Tool:
        """Raises ToolError if there is none, or its package cannot be used."""
        if name in self._tools:
            return self._tools[name]
        point = self._points.get(name)
        if point is None:
            raise ToolError(f"`{name}` is no tool{did_you_mean(name, self.names)}")
        try:
            made = tool_of(point.load(), name)
        except Exception as error:
            raise ToolError(f"the tool `{name}` of {point.value} cannot be used: {error}") from error
        self._tools[name] = made
        del self._points[name]
        return made


@cache
def default_tools() -> Tools:
    """The built-in tools and those of installed packages; a package cannot take a built-in tool's name."""
    from importlib.metadata import entry_points

    from .check import CHECK

    return Tools((CHECK,), entry_points(group=ENTRY_POINTS))
