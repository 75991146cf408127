"""A run carries its policy: it is checked before anything runs, and kept with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.definitions import Registry, StepType, loads, located
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.definitions.steps.set import SetConfig
from codefactory.pipelines.engine import Context, Engine, Graph, NotAllowedError, StepError
from codefactory.pipelines.policy import DENY_ALL, AccessPolicy
from codefactory.pipelines.store import Store

if TYPE_CHECKING:
    from pathlib import Path

RAN: list[str] = []


async def fetch(config: SetConfig, _ctx: Context) -> Any:
    RAN.append("fetch")
    return config.value


FETCH = StepType("fetch", SetConfig, fetch, "Pretends to reach a host.", effects=frozenset(("network",)))
EITHER = StepType(
    "either",
    SetConfig,
    fetch,
    "Reads, or writes.",
    effects=frozenset(("reads", "writes")),
    effects_of=lambda settings: frozenset(("reads",)) if settings.get("value") == "read" else frozenset(("writes",)),
)
REGISTRY = Registry((*BUILT_IN, FETCH, EITHER))
HEAD = "version: 1\nname: p\n"
NESTED = (
    HEAD
    + """steps:
  first: {type: set, with: {value: 1}}
  each:
    type: map
    with:
      over: [1]
      steps:
        get: {type: fetch, with: {value: 1}}
  inner:
    type: pipeline
    with:
      definition: {version: 1, name: q, steps: {get: {type: fetch, with: {value: 2}}}}
"""
)


def plan_of(text: str, **options: Any) -> Any:
    return loads(text, registry=REGISTRY, **options).unwrap()


async def test_what_a_step_needs_is_said_before_anything_runs() -> None:
    RAN.clear()
    with pytest.raises(NotAllowedError) as failure:
        await Engine().run(plan_of(NESTED))
    assert str(failure.value) == (
        "the policy does not allow `p` to run:\n"
        "  step `each/get` reaches hosts (network), and the policy's `hosts` is empty: add to `policy.hosts`; "
        "`--allow-host HOST` allows it for one run\n"
        "  step `inner/get` reaches hosts (network), and the policy's `hosts` is empty: add to `policy.hosts`; "
        "`--allow-host HOST` allows it for one run"
    )
    assert RAN == []
    result = await Engine(policy=AccessPolicy(hosts=("a.com",))).run(plan_of(NESTED))
    assert result.status == "succeeded"


def test_it_is_a_finding_with_a_place() -> None:
    loaded = loads(NESTED, registry=REGISTRY, policy=DENY_ALL)
    assert loaded.plan is not None
    assert [located(f, "p").split(": ")[0] for f in loaded.findings] == ["p:10:21", "p:14:7"]
    assert {(f.code, f.severity.name) for f in loaded.findings} == {("not-allowed", "MEDIUM")}


@pytest.mark.parametrize(("value", "lacks"), [("read", "reads"), ("write", "writes"), ("{{ inputs.x }}", "writes")])
def test_a_type_can_say_what_its_settings_need(value: str, lacks: str) -> None:
    text = f"{HEAD}inputs: {{x: any}}\nsteps: {{a: {{type: either, with: {{value: '{value}'}}}}}}"
    assert plan_of(text).effects == {lacks}


async def test_types_of_steps_can_be_ruled_out() -> None:
    plan = plan_of(NESTED)
    policy = AccessPolicy(hosts=("a.com",), step_types=("set", "map", "fetch"))
    with pytest.raises(NotAllowedError, match=r"step `inner` is of type `pipeline`.*add it to `policy.step_types`"):
        await Engine().run(plan, policy=policy)


def seen() -> tuple[Any, list[AccessPolicy]]:
    """A plan whose second step fails once, and the policies that its steps saw."""
    policies: list[AccessPolicy] = []

    async def note(ctx: Context) -> None:
        policies.append(ctx.policy)

    async def fail_once(ctx: Context) -> None:
        policies.append(ctx.policy)
        if len(policies) == 2:
            raise StepError("not yet")

    return Graph("g").add_node("a", note).add_node("b", fail_once).add_edge("a", "b").compile(), policies


async def test_a_resumed_run_has_what_it_began_with_or_less(tmp_path: Path) -> None:
    plan, policies = seen()
    began = AccessPolicy(hosts=("a.com", "b.com"), max_usd=3)
    with Store(tmp_path / "s") as store:
        first = await Engine(store).run(plan, policy=began)
        assert first.status == "failed"
        wider = AccessPolicy(hosts=("b.com", "c.com"), commands=("git",))
        assert (await Engine(store).resume(first.run_id, plan, policy=wider)).status == "succeeded"
    assert policies == [began, began, AccessPolicy(hosts=("b.com",), max_usd=3)]


async def test_a_store_grants_nothing_by_itself(tmp_path: Path) -> None:
    plan, policies = seen()
    with Store(tmp_path / "s") as store:
        first = await Engine(store).run(plan, policy=AccessPolicy(hosts=("a.com",)))
        await Engine(store).resume(first.run_id, plan)
    assert policies[-1] == DENY_ALL


async def test_a_fork_is_a_new_run(tmp_path: Path) -> None:
    plan, policies = seen()
    began, more = AccessPolicy(hosts=("a.com",)), AccessPolicy(hosts=("c.com",))
    with Store(tmp_path / "s") as store:
        engine = Engine(store, policy=began)
        first = await engine.run(plan)
        await engine.fork(first.run_id, plan=plan)
        assert policies[-1] == began
        await engine.fork(first.run_id, plan=plan, policy=more)
        assert policies[-1] == more


async def test_a_policys_limits_are_the_runs() -> None:
    async def spend(ctx: Context) -> None:
        with ctx.reserve(usd=2.0):
            pass

    plan = Graph().add_node("a", spend).compile()
    result = await Engine(policy=AccessPolicy(max_usd=1.0)).run(plan)
    assert result.status == "stopped"
