"""From settings to the models of a route: who gets which address and key, and who is cached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.ledger import LedgerStore
from codefactory.pipelines.models import ModelError, Price
from codefactory.pipelines.models.configured import entry_settings, known_model, named
from codefactory.pipelines.routing.configured import account, route
from codefactory.pipelines.routing.endpoint import Endpoints
from codefactory.pipelines.settings import Layer, Settings, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codefactory.pipelines.routing.routed_model import RoutedModel

ROUTE = {"improve": {"models": ["openai/a", {"name": "anthropic/b", "api_key_env": "KEY_B"}, "openai/c"]}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    opened = LedgerStore(tmp_path / "ledger.db")
    yield opened
    opened.close()


def settings(**sections: Any) -> Settings:
    found, problems = resolve([Layer("test", {"local": {"discover": False}, **sections})])
    assert problems == ()
    return found


def routed(given: Settings, store: LedgerStore, **more: Any) -> RoutedModel:
    model = route(given, "improve", default=None, run="r", store=store, endpoints=Endpoints(), **more)
    assert model is not None
    return model


def test_address_and_key_go_to_models_of_the_same_provider_only() -> None:
    given = settings(
        model={
            "name": "openai/x",
            "api_base": "https://gateway/v1",
            "api_key": "sk-mine",
            "headers": {"org": "me"},
            "routes": ROUTE,
        }
    )
    a, b, _ = (entry_settings(given.model, entry) for entry in given.model.routes["improve"].models)
    assert (a.name, a.api_base, a.api_key, dict(a.headers)) == (
        "openai/a",
        "https://gateway/v1",
        given.model.api_key,
        dict(given.model.headers),
    )
    assert (b.name, b.api_base, b.api_key, b.api_key_env, dict(b.headers)) == ("anthropic/b", None, None, "KEY_B", {})


async def test_without_a_route_it_is_the_default(store: LedgerStore) -> None:
    default = known_model(settings(model={"name": "openai/gpt-4o-mini"})).model
    model = route(settings(), "improve", default=default, run="r", store=store)
    assert model is not None
    assert model.name == "openai/gpt-4o-mini"
    assert route(settings(), "improve", default=None, run="r", store=store) is None


async def test_a_route_wins_and_leaves_out_what_is_not_usable(store: LedgerStore) -> None:
    given = settings(model={"name": "openai/x", "routes": ROUTE})
    assert named(given) == "openai/a"
    assert [c.model.name for c in await routed(given, store).candidates(10)] == ["openai/a", "anthropic/b", "openai/c"]
    without = routed(given, store, usable=lambda s: not (s.name or "").startswith("openai"))
    assert [c.model.name for c in await without.candidates(10)] == ["anthropic/b"]
    nothing = route(given, "improve", default=None, run="r", store=store, usable=lambda _: False)
    assert nothing is None


async def test_a_model_that_cannot_be_says_why_when_it_is_asked(store: LedgerStore) -> None:
    given = settings(model={"routes": {"improve": {"models": ["editor/gpt", "openai/a"]}}})
    editor, other = await routed(given, store).candidates(10)
    assert other.model.name == "openai/a"
    with pytest.raises(ModelError, match=r"^editor/gpt: there is no editor here\. See codefactory\.model\.routes\."):
        [chunk async for chunk in editor.model.complete([], max_output_tokens=1)]
    assert known_model(given).name == "openai/a"


async def test_own_prices_and_caches(store: LedgerStore) -> None:
    given = settings(
        model={"routes": {"improve": {"models": ["openai/a", "recorded/x.jsonl", "anthropic/b"]}}},
        prices={"models": [{"name": "openai/a", "input": 1, "output": 2}]},
    )
    a, recorded, b = await routed(given, store).candidates(10)
    assert await a.price() == Price(1e-6, 2e-6, 1e-6, source="your settings")
    assert (a.cache is not None, recorded.cache is not None, b.cache is not None) == (True, False, True)
    off = settings(model={"routes": ROUTE}, cache={"replies": False})
    assert [c.cache for c in await routed(off, store).candidates(10)] == [None] * 3


def test_the_account_has_the_limits_of_the_settings(store: LedgerStore) -> None:
    one = account(settings(budget={"max_usd_per_day": 3}), "/w", "r", store)
    assert (one.workspace, one.run) == ("/w", "r")
    assert one.for_run("s").run == "s"
