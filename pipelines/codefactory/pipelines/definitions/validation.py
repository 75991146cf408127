"""What pydantic says about a definition, as findings with a place and a hint."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from codefactory.pipelines.engine.assembly import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codefactory.analyzers.finding import Finding

    from .source import Source

_SENTENCES = {
    "missing": "`{key}` is missing",
    "extra_forbidden": "`{key}` is not known here",
    "string_type": "this must be a text",
    "dict_type": "this must be a mapping",
    "list_type": "this must be a list",
    "int_type": "this must be a whole number",
    "int_parsing": "this must be a whole number",
    "float_type": "this must be a number",
    "float_parsing": "this must be a number",
    "bool_type": "this must be true or false",
    "bool_parsing": "this must be true or false",
}


def findings_of(
    error: ValidationError, source: Source, model: type[BaseModel], prefix: Sequence[str | int] = (), skip: Any = None
) -> Iterator[Finding]:
    """One finding an error. `skip(path)` says which places are filled in only when the step runs."""
    for item in error.errors(include_url=False, include_input=False):
        at = tuple(part for part in item["loc"] if part != "[key]")
        if skip is not None and skip(at):
            continue
        kind, key = item["type"], str(at[-1]) if at else ""
        if kind == "string_pattern_mismatch" and "[key]" in item["loc"]:
            message = f"`{key}` is no name: a name is a letter, then letters, digits and `_`, at most 64"
        elif kind == "literal_error":
            message = f"this must be {item.get('ctx', {}).get('expected')}"
        elif kind in _SENTENCES:
            message = _SENTENCES[kind].format(key=key)
        else:
            message = item["msg"].removeprefix("Value error, ")
            message = message[:1].lower() + message[1:]
        if kind == "extra_forbidden":
            message += did_you_mean(key, fields_at(model, at[:-1]))
        code = {"missing": "missing-key", "extra_forbidden": "unknown-key"}.get(kind, "invalid-value")
        where = at[:-1] if kind == "missing" else at
        in_key = kind == "extra_forbidden" or "[key]" in item["loc"] or kind == "missing"
        yield source.finding(code, f"{message}.", (*prefix, *where), key=in_key)


def fields_at(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    """The keys that may stand at a place of a definition."""
    current: Any = model
    for part in path:
        current = _inside(current, str(part))
    found = _model(current)
    return [f.alias or name for name, f in found.model_fields.items()] if found is not None else []


def _inside(annotation: Any, key: str) -> Any:
    found = _model(annotation)
    if found is not None:
        return next((f.annotation for name, f in found.model_fields.items() if key in (name, f.alias)), None)
    for option in _options(annotation):
        if typing.get_origin(option) in (dict, list):
            return typing.get_args(option)[-1]
    return None


def _model(annotation: Any) -> type[BaseModel] | None:
    return next((o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)), None)


def _options(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)
