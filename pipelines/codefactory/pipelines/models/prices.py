"""What models cost: the user's own prices first, then the bundled table. What neither knows is unknown, never 0.

The table is `prices.json`, a part of litellm's that `tools/price_table.py` takes; it says which version and when.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .model import Price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.pipelines.settings import PriceSettings

MILLION = 1_000_000
LOCAL = frozenset({"embedded", "ollama", "ollama_chat", "lm_studio", "llamafile", "local", "recorded", "scripted"})
"""Providers whose models run on machines of the user's."""
SUBSCRIPTION = frozenset({"editor"})
NAMED_WITHOUT_PROVIDER = ("openai", "anthropic", "deepseek", "cohere")
"""litellm also knows their models by the bare name."""
FREE_LOCAL = Price(0.0, 0.0, source="it runs on your machine")
FREE_EDITOR = Price(0.0, 0.0, source="your editor's subscription")


def price_of(name: str, overrides: Sequence[PriceSettings] = ()) -> Price | None:
    """None when unknown. Takes a millisecond the first time, and imports nothing."""
    if own := own_price(name, overrides):
        return own
    provider = name.partition("/")[0]
    if provider in LOCAL:
        return FREE_LOCAL
    if provider in SUBSCRIPTION:
        return FREE_EDITOR
    return bundled_price(name)


def own_price(name: str, overrides: Sequence[PriceSettings]) -> Price | None:
    """What the user's settings say."""
    found = next((p for p in overrides if p.name == name), None)
    if found is None:
        return None
    cached = (found.input if found.cached_input is None else found.cached_input) / MILLION
    return Price(found.input / MILLION, found.output / MILLION, cached, source="your settings")


def bundled_price(name: str) -> Price | None:
    found = _find(name)
    if found is None:
        return None
    table = _table()
    price = _price(found)
    tiers = tuple((tier["tokens"], _price(found | tier)) for tier in found.get("above", ()))
    return replace(price, tiers=tiers, source=f"{table['source'].partition(',')[0]}, {table['date']}")


def context_tokens(name: str) -> int | None:
    """How many tokens the model takes; None when unknown."""
    found = _find(name)
    return None if found is None else found.get("context")


def describe(price: Price | None) -> str:
    """In words: what a million tokens cost, and who says so."""
    if price is None:
        return "the price is unknown"
    if not price.input_usd and not price.output_usd:
        return f"no cost: {price.source}" if price.source else "no cost"
    said = f"${price.input_usd * MILLION:g} per million tokens in, ${price.output_usd * MILLION:g} out"
    return f"{said} ({price.source})" if price.source else said


def _find(name: str) -> dict[str, Any] | None:
    models = _table()["models"]
    if name in models:
        return models[name]
    if "/" in name:
        return None
    full = (f"{provider}/{name}" for provider in NAMED_WITHOUT_PROVIDER)
    return next((models[n] for n in full if n in models), None)


def _price(entry: dict[str, Any]) -> Price:
    def usd(key: str) -> float | None:
        return None if (value := entry.get(key)) is None else value / MILLION

    return Price(entry["input"] / MILLION, entry["output"] / MILLION, usd("cached"), usd("cache_write"))


@functools.cache
def _table() -> dict[str, Any]:
    text = importlib.resources.files(__spec__.parent).joinpath("prices.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
