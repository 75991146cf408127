"""A secret that a run has used is in nothing that the run shows or keeps."""

from __future__ import annotations

import base64
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.definitions import Registry, StepType, loads
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.definitions.steps.set import SetConfig
from codefactory.pipelines.engine import CachePolicy, Context, Engine, Graph, Plan, StepError
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.secrets import Secrets, SecretSource
from codefactory.pipelines.store import Store

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "tops3cret/value"
ALLOWED = AccessPolicy(secrets=("token",))


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    monkeypatch.setenv("MY_TOKEN", VALUE)
    return Secrets({"token": SecretSource(env="MY_TOKEN")})


def one(function: Any, **options: Any) -> Plan:
    return Graph("g").add_node("a", function, **options).compile()


async def everything(ctx: Context) -> dict[str, str]:
    value = await ctx.secret("token")
    ctx.log(f"using {value}")
    for piece in ("Bearer tops3", "cret/va", "lue and more"):
        await ctx.emit(piece)
    await ctx.once(f"call {value}", lambda: {"echo": value})
    with ctx.reserve(calls=1):
        pass
    return {"url": f"https://x/?t={value}", value: base64.b64encode(f"user:{value}".encode()).decode()}


async def test_nothing_of_it_is_shown_or_kept(tmp_path: Path, secrets: Secrets) -> None:
    events: list[Any] = []
    with Store(tmp_path / "s") as store:
        engine = Engine(store, secrets=secrets, policy=ALLOWED)
        result = await engine.run(one(everything, cache=CachePolicy()), on_event=events.append)
    assert result.outputs["a"]["url"] == "https://x/?t=[secret:token]"
    shown = "".join(e.delta for e in events if e.kind == "output_delta")
    assert shown == "Bearer [secret:token] and more"
    kept = "\n".join(sqlite3.connect(tmp_path / "s" / "runs.db").iterdump())
    kept += "".join(p.read_bytes().decode("latin-1") for p in (tmp_path / "s").rglob("*") if p.is_file())
    everything_shown = repr([e.to_json() for e in events]) + repr(result) + kept
    assert VALUE not in everything_shown
    assert base64.b64encode(VALUE.encode()).decode()[:-4] not in everything_shown
    assert VALUE.encode().hex() not in everything_shown
    assert [e.seq for e in events] == sorted(e.seq for e in events)


async def test_errors_and_their_causes_do_not_show_it(secrets: Secrets) -> None:
    async def fail(ctx: Context) -> None:
        value = await ctx.secret("token")
        try:
            raise ValueError(f"bad token {value}")
        except ValueError as error:
            raise OSError(5, "cannot use", value) from error

    events: list[Any] = []
    result = await Engine(secrets=secrets, policy=ALLOWED).run(one(fail), on_event=events.append)
    assert result.status == "failed"
    at: BaseException | None = result.error
    texts = repr([e.to_json() for e in events])
    while at is not None:
        texts += f"{at!s}{at!r}"
        at = at.__cause__ or at.__context__
    assert VALUE not in texts
    assert "[secret:token]" in texts


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (AccessPolicy(), "the secret `token` may not be used: it is not in the policy's `secrets`"),
        (AccessPolicy(secrets=("*",)), None),
    ],
)
async def test_only_what_the_policy_allows(secrets: Secrets, policy: AccessPolicy, message: str | None) -> None:
    async def use(ctx: Context) -> int:
        return len(await ctx.secret("secret:TOKEN"))

    result = await Engine(secrets=secrets).run(one(use), policy=policy)
    assert (message is None) == (result.status == "succeeded")
    assert message is None or message in str(result.error)


async def test_a_secret_without_a_place_is_named(secrets: Secrets) -> None:
    async def use(ctx: Context) -> str:
        return await ctx.secret("tokn")

    result = await Engine(secrets=secrets, policy=AccessPolicy(secrets=("*",))).run(one(use))
    assert "under [secrets.tokn], where it is; did you mean `token`?" in str(result.error)


async def use_settings(config: SetConfig, ctx: Context) -> str:
    filled = await ctx.with_secrets(config.value)
    if filled == {"auth": VALUE, "body": "hello"}:
        return "filled"
    raise StepError(f"got {sorted(filled)}")


REGISTRY = Registry((*BUILT_IN, StepType("use", SetConfig, use_settings, "Uses a secret.")))
HEAD = "version: 1\nname: p\ninputs: {x: any}\n"


async def test_references_in_a_definition_are_filled_in(secrets: Secrets) -> None:
    text = HEAD + "steps: {a: {type: use, with: {value: {auth: 'secret:token', body: '{{ inputs.x }}'}}}}"
    plan = loads(text, registry=REGISTRY).unwrap()
    result = await Engine(secrets=secrets, policy=ALLOWED).run(plan, {"x": "hello"})
    assert result.unwrap() == {"a": "filled"}
