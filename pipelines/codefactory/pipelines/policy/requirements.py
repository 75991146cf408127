"""`missing()`: what a plan needs and a policy does not give. Told before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from codefactory.pipelines.engine.plan import Plan, Step

    from .access import AccessPolicy

_SETTINGS = {
    "reads": ("read", "reads files", "--allow-read FOLDER"),
    "writes": ("write", "changes files", "--allow-write FOLDER"),
    "network": ("hosts", "reaches hosts", "--allow-host HOST"),
    "costs": ("models", "asks models", None),
}
"""Effect → the policy's field that must not be empty, what the step does, and the option that adds to it. Code
(`executes`) and questions (`asks`) touch nothing by themselves: `step_types` says whether they may be."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a step needs."""

    step: str
    """Its name, those of the steps around it before it: `each/fetch`."""
    effect: str
    """"network", …, or "type" where the type of step itself is not allowed."""
    setting: str
    """The policy's field that would allow it."""
    message: str
    """A sentence without the step."""

    def __str__(self) -> str:
        return f"step `{self.step}` {self.message}"


def missing(plan: Plan, policy: AccessPolicy) -> tuple[Missing, ...]:
    """In the order of the steps, those in bodies, nested pipelines and fallbacks included."""
    if not plan.effects and not plan.secrets and policy.step_types is None:
        return ()
    return tuple(_of_plan(plan, policy, ""))


def missing_for(
    name: str, step_type: str, effects: Iterable[str], secrets: Iterable[str], policy: AccessPolicy
) -> Iterator[Missing]:
    """What one step needs, its body not looked at."""
    if policy.refuse_step_type(step_type) is not None:
        message = f"is of type `{step_type}`, which the policy does not allow: add it to `policy.step_types`"
        yield Missing(name, "type", "step_types", message)
    for effect in sorted(effects):
        if effect not in _SETTINGS:
            continue
        setting, does, option = _SETTINGS[effect]
        if getattr(policy, setting) == ():
            how = f"; `{option}` allows it for one run" if option else ""
            message = f"{does} ({effect}), and the policy's `{setting}` is empty: add to `policy.{setting}`{how}"
            yield Missing(name, effect, setting, message)
    for secret in sorted(secrets):
        if policy.refuse_secret(secret) is not None:
            message = (
                f"uses the secret `{secret}`, which the policy does not allow: add it to `policy.secrets`; "
                f"`--allow-secret {secret}` allows it for one run"
            )
            yield Missing(name, "secret", "secrets", message)


def _of_plan(plan: Plan, policy: AccessPolicy, prefix: str) -> Iterator[Missing]:
    for step in (*plan.steps, *plan.fallbacks.values()):
        yield from _of_step(step, policy, prefix)


def _of_step(step: Step, policy: AccessPolicy, prefix: str) -> Iterator[Missing]:
    name = prefix + step.name
    yield from missing_for(name, step.type, step.effects, step.secrets, policy)
    if step.body is not None:
        yield from _of_plan(step.body, policy, f"{name}/")
