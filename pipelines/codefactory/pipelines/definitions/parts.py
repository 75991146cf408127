"""Parts of a definition's model as the engine's own: policies, inputs, outputs; and walks over its texts."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.plan import MISSING, Input
from codefactory.pipelines.engine.policy import CachePolicy, OnError, Policy, Retry
from codefactory.pipelines.engine.values import is_list, is_mapping

from .expression import names_for
from .model import PYTHON_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.engine.assembly import Draft
    from codefactory.pipelines.engine.scope import Scope

    from .expression import Expression
    from .model import InputModel, StepModel

Where = tuple[str | int, ...]


def texts(value: Any, where: Where) -> list[tuple[Where, str]]:
    """All texts in a value with their places."""
    if isinstance(value, str):
        return [(where, value)]
    if is_mapping(value):
        return [t for key, item in value.items() for t in texts(item, (*where, key))]
    if is_list(value):
        return [t for i, item in enumerate(value) for t in texts(item, (*where, i))]
    return []


def policy_of(model: StepModel) -> Policy:
    retry = Retry()
    if model.retry is not None:
        r = model.retry
        retry = Retry(r.attempts, frozenset(r.on), r.base_s, r.cap_s)
    on_error = OnError(model.on_error.default, model.on_error.fallback) if model.on_error is not None else None
    cache = CachePolicy(model.cache.ttl_s, tuple(model.cache.files)) if model.cache is not None else None
    return Policy(None, model.join, retry, model.timeout_s, on_error, cache, model.resource, model.rerun)


def input_of(name: str, model: InputModel) -> Input:
    choices = model.choices

    def check(value: Any) -> str | None:
        return None if value in choices else f"is {value!r}, which is none of {', '.join(map(repr, choices))}"

    default = MISSING if model.required else model.default
    return Input(name, PYTHON_TYPES[model.type], default, model.description, check if choices else None)


def outputs_of(expressions: dict[str, Expression]) -> Callable[[Scope], dict[str, Any]]:
    prepared = {name: (names_for(e.references), e) for name, e in expressions.items()}
    return lambda scope: {n: e.evaluate(names(scope, None)) for n, (names, e) in prepared.items()}


def deferred_of(expression: Expression) -> Callable[[Scope], Any]:
    names = names_for(expression.references)
    return lambda scope: expression.evaluate(names(scope, None))


def digest(model: StepModel) -> str:
    data = json.dumps(model.model_dump(mode="json", by_alias=True), sort_keys=True, default=str)
    return hashlib.sha256(data.encode()).hexdigest()[:16]


def normalised(data: Any, drafts: list[Draft]) -> str:
    """The definition as JSON, nested files put in: what the store keeps, and what the version is a hash of."""
    bodies = {d.name: d.body for d in drafts if d.type == "pipeline" and d.body is not None and d.body.source}
    steps = dict(data["steps"])
    for name, body in bodies.items():
        settings = {k: v for k, v in steps[name].get("with", {}).items() if k != "path"}
        steps[name] = {**steps[name], "with": {**settings, "definition": json.loads(body.source or "null")}}
    return json.dumps({**data, "steps": steps}, ensure_ascii=False, sort_keys=True)
