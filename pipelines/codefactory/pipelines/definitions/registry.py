"""Types of steps: what a step of a definition can be.

A type is a name, a model of its settings and a coroutine. Further ones come from entry points in the group
`codefactory.steps`, each a `StepType`, or from `Registry.register`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from codefactory.pipelines.engine.assembly import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pydantic import BaseModel

ENTRY_POINTS = "codefactory.steps"

Effect = Literal["reads", "writes", "network", "executes", "costs", "asks"]
"""What a step may do to the world; policy is checked against it before a run."""


@dataclass(frozen=True, slots=True)
class StepType:
    name: str
    config: type[BaseModel]
    """Its fields are what may stand under `with`; their docstrings and descriptions are what editors show."""
    run: Callable[[Any, Any], Awaitable[Any]]
    """Given the settings, expressions evaluated, and the step's `Context`. The result is the output."""
    summary: str
    version: str = "1"
    """Raised when the same settings give something else: cached results of older versions no longer count."""
    effects: frozenset[Effect] = frozenset()
    """The most that a step of this type may do."""
    output_type: Any = None
    body: bool = False
    """Whether `steps` in the settings are a body that the step runs by itself."""
    deferred: frozenset[str] = frozenset()
    """Settings that are evaluated in the scope of the body."""
    verbatim: frozenset[str] = frozenset()
    """Settings whose texts are never templates: code, and other pipelines."""
    trusted: bool = False
    """Whether the definition must be trusted: the type runs code of the user's."""
    problems: Callable[[dict[str, Any]], Iterable[tuple[str, str]]] | None = None
    """More that can be wrong with settings before a run: pairs of a setting's name and a sentence."""
    effects_of: Callable[[dict[str, Any]], frozenset[Effect]] | None = None
    """What a step with these settings does, where that can be less: reading a file changes none. The settings are not
    checked yet, and texts in them may be templates: where it cannot be told, all of `effects`."""
    example: str = ""
    """A step as YAML."""


class Registry:
    def __init__(self, types: Iterable[StepType] = ()) -> None:
        self._types = {t.name: t for t in types}

    def register(self, step_type: StepType) -> None:
        """Raises ValueError if the name is taken: a plugin cannot replace what a definition relies on."""
        if step_type.name in self._types:
            raise ValueError(f"there is a step type `{step_type.name}` already")
        self._types[step_type.name] = step_type

    def find(self, name: str) -> StepType | None:
        return self._types.get(name)

    def hint(self, name: str) -> str:
        """ "; did you mean …"""
        return did_you_mean(name, list(self._types))

    @property
    def types(self) -> tuple[StepType, ...]:
        return tuple(self._types.values())


@cache
def default_registry() -> Registry:
    """The built-in types and those of installed packages. One that cannot be imported is left out with a warning."""
    import warnings
    from importlib.metadata import entry_points

    from .steps import BUILT_IN

    registry = Registry(BUILT_IN)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            registry.register(point.load())
        except Exception as error:  # noqa: BLE001 a package's fault must not take the others down
            warnings.warn(f"the step type `{point.name}` of {point.value} cannot be used: {error}", stacklevel=2)
    return registry
