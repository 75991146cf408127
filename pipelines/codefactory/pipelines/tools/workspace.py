"""Tools in a workspace's own files, as `.codefactory/tools/words.py:count`. Only in a file that is trusted as it is."""

from __future__ import annotations

import os
import types
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from codefactory.pipelines import trust
from codefactory.pipelines.files.guard import check_regular

from .tool import Tool, ToolError, tool_of

if TYPE_CHECKING:
    from codefactory.pipelines.files.access import Access

MAX_BYTES = 1_000_000


def is_file(name: str) -> bool:
    return ".py:" in name


def workspace_tool(name: str, access: Access) -> Tool:
    """What is run is what was read and found trusted. Raises ToolError, or AccessError outside of the policy."""
    path, _, function = name.rpartition(":")
    if not function.isidentifier() or function.startswith("_"):
        raise ToolError(f"`{function}` is no name of a tool in `{path}`")
    with access.reading(path) as place:
        if place.found is None:
            raise ToolError(f"there is no `{path}`")
        check_regular(place.path, place.found, place.folder.stat().st_uid)
        with os.fdopen(place.folder.open(place.name, os.O_RDONLY), "rb") as file:
            data = file.read(MAX_BYTES + 1)
        real = place.path
    if len(data) > MAX_BYTES:
        raise ToolError(f"`{path}` is larger than {MAX_BYTES:,} bytes")
    if not trust.is_trusted(real, data):
        raise ToolError(f"`{path}` is not trusted as it is now; look at it, then run `codefactory trust {path}`")
    found = _module(str(real), data).get(function)
    if found is None:
        raise ToolError(f"there is no `{function}` in `{path}`")
    if not isinstance(found, Tool) and getattr(found, "__module__", None) != _name(str(real)):
        raise ToolError(f"`{function}` of `{path}` is imported from elsewhere; define the tool in the file")
    return tool_of(found)


def _name(path: str) -> str:
    return f"codefactory_workspace_tool:{path}"


@lru_cache(maxsize=64)
def _module(path: str, data: bytes) -> dict[str, Any]:
    module = types.ModuleType(_name(path))
    module.__file__ = path
    try:
        exec(compile(data, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 the user trusted just this
    except Exception as error:
        raise ToolError(f"`{path}` cannot be imported: {type(error).__name__}: {error}") from error
    return module.__dict__
