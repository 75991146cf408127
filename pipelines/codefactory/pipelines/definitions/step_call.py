"""How a compiled step of a definition is called: evaluate its settings, check them, run its type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from codefactory.pipelines.engine.assembly import Calls
from codefactory.pipelines.engine.context import Context
from codefactory.pipelines.engine.errors import StepError

from .expression import names_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from codefactory.pipelines.engine.plan import Plan, Step
    from codefactory.pipelines.engine.scope import Scope

    from .expression import Expression
    from .registry import StepType


@dataclass(slots=True)
class StepCall:
    """Filled in by the compiler."""

    step_type: StepType
    settings: dict[str, Expression] = field(default_factory=dict[str, "Expression"])
    deferred: dict[str, Expression] = field(default_factory=dict[str, "Expression"])
    when: Expression | None = None
    body: Plan | None = None
    fixed: BaseModel | None = None
    """The settings, where no expression is in them."""


def step_call(call: StepCall, _index_of: Callable[[str], int], step: Callable[[], Step]) -> Calls:
    run = call.step_type.run
    evaluate = _evaluation(call, step)

    async def work(scope: Scope) -> Any:
        config = call.fixed if call.fixed is not None else _checked(call, evaluate(scope))
        return await run(config, Context(scope, step()))

    return Calls(work, "async", evaluate, _condition(call, step))


def _evaluation(call: StepCall, step: Callable[[], Step]) -> Callable[[Scope], dict[str, Any]]:
    settings = call.settings
    constants = {key: e.evaluate({}) for key, e in settings.items() if e.constant}
    open_ = {key: e for key, e in settings.items() if not e.constant}
    references = frozenset(r for e in open_.values() for r in e.references)
    names_of = names_for(references)

    def evaluate(scope: Scope) -> dict[str, Any]:
        if not open_:
            return constants
        names: Mapping[str, Any] = names_of(scope, step().index)
        return {**constants, **{key: e.evaluate(names) for key, e in open_.items()}}

    return evaluate


def _checked(call: StepCall, settings: dict[str, Any]) -> BaseModel:
    """The settings as the type's model. A body's model is there already: it stands for itself."""
    model = call.step_type.config
    if call.body is not None and call.step_type.body:
        settings = {**settings, "steps": {"body": {"type": "set"}}}
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StepError(f"its setting `{place}` is not valid: {first['msg']}") from error


def _condition(call: StepCall, step: Callable[[], Step]) -> Callable[[Scope], bool] | None:
    when = call.when
    if when is None:
        return None
    names = names_for(when.references)
    return lambda scope: bool(when.evaluate(names(scope, step().index)))
