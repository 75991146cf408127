"""The engine's door: who may do what from where. Only people answer; steps do not."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from .errors import NotAllowedError

if TYPE_CHECKING:
    from codefactory.pipelines.principal import Action, Principal

inside: ContextVar[str | None] = ContextVar("inside", default=None)
"""The run that the code is part of; None outside of all runs. Tasks and threads of steps inherit it."""


def refuse_from_within(action: Action) -> None:
    """Raises NotAllowedError when a step of a run does this, nested in whatever: it is for people to do."""
    run = inside.get()
    if run is not None:
        raise NotAllowedError(f"a step of run {run} may not {action}: only people may, from outside of the run")


def permitted(who: str | Principal, action: Action, owner: str | None = None) -> str:
    """The name. Raises NotAllowedError if the principal's role does not allow the action; a plain name is vouched for
    by whoever gives it."""
    if isinstance(who, str):
        return who
    if refusal := who.refuse(action, owner):
        raise NotAllowedError(refusal)
    return who.name
