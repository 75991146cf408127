"""The engine's door: who may do what from where, and what a plan may touch. Only people answer; steps do not."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from .budget import Budget
from .errors import NotAllowedError, ResumeError

if TYPE_CHECKING:
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.principal import Action, Principal
    from codefactory.pipelines.store import KeptRun

    from .plan import Plan

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


def refuse_beyond_policy(plan: Plan, policy: AccessPolicy | None) -> None:
    """Raises NotAllowedError that lists, a line each, what steps need and would not get."""
    if not plan.effects and not plan.secrets and (policy is None or policy.step_types is None):
        return
    from codefactory.pipelines.policy import DENY_ALL, missing

    lacks = missing(plan, policy or DENY_ALL)
    if lacks:
        reasons = "\n".join(f"  {lack}" for lack in lacks)
        raise NotAllowedError(f"the policy does not allow `{plan.name}` to run:\n{reasons}")


def still_allowed(kept: KeptRun, policy: AccessPolicy | None) -> AccessPolicy | None:
    """What a kept run may still touch."""
    if kept.policy is None or policy is None:
        return None
    from codefactory.pipelines.policy import AccessPolicy, narrowed

    try:
        return narrowed(AccessPolicy.model_validate_json(kept.policy), policy)
    except ValueError as error:
        raise ResumeError(f"the policy kept with run {kept.id} is not valid; fork the run") from error


def budget_of(policy: AccessPolicy) -> Budget | None:
    """The policy's limits; None: it has none."""
    limits = (policy.max_tokens, policy.max_usd, policy.max_calls, policy.max_seconds)
    if limits == (None, None, None, None):
        return None
    return Budget(tokens=limits[0], usd=limits[1], calls=limits[2], wall_s=limits[3])
