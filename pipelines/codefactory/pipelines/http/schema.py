"""JSON Schema for answers: nothing is fetched, and patterns cannot backtrack."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from codefactory.pipelines.engine.errors import StepError

_SHOWN = 3


def complaint(schema: Any, value: Any) -> str | None:
    """What in `value` is not as the schema says, with its place. Raises StepError for a schema that is none."""
    found: list[str] = []
    for error in _validator(json.dumps(schema)).iter_errors(value):
        place = "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
        found.append(f"{place}: {error.message[:200]}")
        if len(found) == _SHOWN:
            break
    return "; ".join(found) or None


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    import jsonschema_rs

    options = jsonschema_rs.RegexOptions(size_limit=1_000_000)
    try:
        return jsonschema_rs.validator_for(json.loads(schema), offline=True, pattern_options=options)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise StepError(f"the response schema is not valid: {str(error)[:300]}") from error
