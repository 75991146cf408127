"""JSON Schema: nothing is fetched, and patterns cannot backtrack."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from .limits import MAX_TEXT, TransformError

MAX_ERRORS = 5


def check(data: Any, schema: Any, what: str = "the data") -> None:
    """Raises TransformError that lists what does not fit, with its place, as `$.items[3]`."""
    validator = validator_for(schema)
    found: list[str] = []
    for error in validator.iter_errors(data):
        found.append(f"{place(error.instance_path)}: {error.message[:200]}")
        if len(found) == MAX_ERRORS:
            break
    if found:
        raise TransformError(f"{what} does not fit its schema: {'; '.join(found)}")


def validator_for(schema: Any) -> Any:
    """Raises TransformError for a schema that is none."""
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise TransformError(f"the schema is not JSON: {error}") from error
    if len(text) > MAX_TEXT // 32:
        raise TransformError("the schema is larger than a megabyte")
    return _validator(text)


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000)
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise TransformError(f"the schema is not valid: {str(error)[:300]}") from error


def place(path: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
