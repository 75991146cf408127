"""Types of steps in words: what `codefactory steps` prints and the docs list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .registry import StepType

_NAMES: dict[Any, str] = {None: "any", str: "string", dict: "object", list: "array", bool: "boolean", int: "integer"}


def described(step_type: StepType) -> dict[str, Any]:
    """All that there is to know about a type. JSON."""
    found: dict[str, Any] = {
        "name": step_type.name,
        "summary": step_type.summary,
        "description": (step_type.config.__doc__ or "").replace("\n    ", " ").strip(),
        "version": step_type.version,
        "output": _NAMES.get(step_type.output_type, str(step_type.output_type)),
        "effects": sorted(step_type.effects),
        "trusted": step_type.trusted,
        "settings": settings_of(step_type),
        "example": step_type.example,
    }
    if step_type.name == "transform":
        found["operations"] = _operations()
    if step_type.name == "tool":
        found["tools"] = _tools()
    return found


def settings_of(step_type: StepType) -> list[dict[str, Any]]:
    """The settings in order: name, type, default, description."""
    schema = step_type.config.model_json_schema(by_alias=True)
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "type": _type(setting, schema.get("$defs", {})),
            "required": name in required,
            "default": None if name in required else json.dumps(setting.get("default"), ensure_ascii=False),
            "description": setting.get("description", ""),
        }
        for name, setting in schema.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "$ref" in schema:
        return _type(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        names = dict.fromkeys(_type(option, definitions) for option in options)
        return " or ".join(n for n in names if n != "null")
    kind = schema.get("type", "any")
    if kind == "array" and "items" in schema and (inner := _type(schema["items"], definitions)) != "any":
        return f"list of {inner}" if " or " not in inner else "list"
    return {"array": "list", "object": "mapping", "string": "text"}.get(kind, kind)


def _operations() -> list[dict[str, str]]:
    from typing import get_args

    from codefactory.pipelines.transform.operations import Operation

    models: Any = get_args(get_args(Operation)[0])
    return [
        {
            "name": get_args(model.model_fields["operation"].annotation)[0],
            "summary": " ".join((model.__doc__ or "").split()),
        }
        for model in models
    ]


def _tools() -> list[dict[str, Any]]:
    """Those that can be used; of one that cannot, why."""
    from codefactory.pipelines.tools import ToolError, default_tools

    found: list[dict[str, Any]] = []
    for name in default_tools().names:
        try:
            tool = default_tools().get(name)
        except ToolError as error:
            found.append({"name": name, "description": str(error), "parameters": {}, "effects": []})
            continue
        found.append(
            {
                "name": name,
                "description": tool.description,
                "parameters": tool.parameters,
                "result": tool.result,
                "effects": sorted(tool.effects),
            }
        )
    return found
