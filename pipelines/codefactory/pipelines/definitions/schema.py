"""The JSON Schema of the format: what editors complete and check with."""

from __future__ import annotations

from typing import Any

from .model import PipelineModel
from .registry import Registry, default_registry

SCHEMA_ID = "https://codefactory.invalid/schemas/pipeline-1.json"
"""A name, not an address: nothing is fetched."""


def json_schema(registry: Registry | None = None) -> dict[str, Any]:
    """Draft 2020-12. A step's `with` is described by its `type`; any text may be a template instead of a value."""
    registry = registry or default_registry()
    schema = PipelineModel.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema["$defs"]
    step = definitions["StepModel"]
    rules: list[dict[str, Any]] = []
    for step_type in registry.types:
        config = step_type.config.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        for name, inner in config.pop("$defs", {}).items():
            definitions.setdefault(name, inner)
        # The model of a body's steps refers to the rules made here.
        key = f"{step_type.name}-settings"
        definitions[key] = _templated(config)
        rules.append(
            {
                "if": {"properties": {"type": {"const": step_type.name}}},
                "then": {"properties": {"with": {"$ref": f"#/$defs/{key}"}}},
            }
        )
    step["properties"]["type"] |= {
        "oneOf": [{"const": t.name, "title": t.name, "description": t.summary} for t in registry.types]
    }
    step["allOf"] = rules
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def _templated(config: dict[str, Any]) -> dict[str, Any]:
    """Let every setting that is no text, list of steps or choice also be a template."""
    template = {"type": "string", "pattern": r"\{\{"}
    properties: dict[str, Any] = {}
    for name, setting in config.get("properties", {}).items():
        kind = setting.get("type")
        if kind in ("integer", "number", "boolean", "array"):
            outer = {k: setting[k] for k in ("title", "description", "default", "examples") if k in setting}
            properties[name] = {**outer, "anyOf": [setting, template]}
        else:
            properties[name] = setting
    return {**config, "properties": properties}
