"""Whether an answer is as a step expects it."""

from __future__ import annotations

from typing import Any

from codefactory.pipelines.engine.errors import StepError


def check(body: Any, schema: Any) -> None:
    """Raises StepError: `invalid_output` for an answer that does not fit, `fatal` for a schema that is none."""
    from codefactory.pipelines.transform.limits import TransformError
    from codefactory.pipelines.transform.validate import check as check_data
    from codefactory.pipelines.transform.validate import validator_for

    try:
        validator_for(schema)
    except TransformError as error:
        raise StepError(f"`response_schema`: {error}") from error
    try:
        check_data(body, schema, "the answer")
    except TransformError as error:
        raise StepError(str(error), "invalid_output") from error
