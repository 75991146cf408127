"""Tools: functions that steps and models may call by name.

    from codefactory.pipelines.tools import tool

    @tool(effects={"reads"})
    def count_words(text: str) -> int:
        "How many words a text has."
        return len(text.split())

A package offers its tools by entry points in the group `codefactory.tools`; a workspace, by Python files that the user
has trusted.

tool.py      Tool: a function with its schemas      registry.py  built-in tools and those of packages
workspace.py tools in a workspace's own files       check.py     `check`: what the analyzers find
"""

from .registry import Tools, default_tools
from .tool import ArgumentsError, Tool, ToolError, tool

__all__ = ["ArgumentsError", "Tool", "ToolError", "Tools", "default_tools", "tool"]
