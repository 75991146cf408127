"""What models cost, and what is not known."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from codefactory.pipelines.models import Price
from codefactory.pipelines.models.prices import bundled_price, context_tokens, describe, price_of
from codefactory.pipelines.settings import PriceSettings


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("openai/gpt-4o-mini", "$0.15 per million tokens in, $0.6 out (litellm "),
        ("gpt-4o-mini", "$0.15 per million tokens in, $0.6 out (litellm "),
        ("anthropic/claude-haiku-4-5", "$1 per million tokens in, $5 out (litellm "),
        ("openai/nobody-knows-it", "the price is unknown"),
        ("my-model", "the price is unknown"),
        ("editor", "no cost: your editor's subscription"),
        ("editor/gpt-4o", "no cost: your editor's subscription"),
        ("ollama/qwen2.5-coder", "no cost: it runs on your machine"),
        ("embedded/qwen2.5-coder-1.5b", "no cost: it runs on your machine"),
    ],
)
def test_lookup(name: str, said: str) -> None:
    assert describe(price_of(name)).startswith(said)


def test_the_users_own_price_wins() -> None:
    own = (
        PriceSettings(name="openai/gpt-4o-mini", input=1, output=2),
        PriceSettings(name="ollama/x", input=1, output=2),
    )
    assert price_of("openai/gpt-4o-mini", own) == Price(1e-6, 2e-6, 1e-6, source="your settings")
    assert price_of("ollama/x", own) == Price(1e-6, 2e-6, 1e-6, source="your settings")
    assert price_of("openai/gpt-4o", own) == bundled_price("openai/gpt-4o")


def test_a_long_request_has_the_price_of_its_tier() -> None:
    price = Price(
        1.0, 2.0, cached_input_usd=0.5, cache_write_usd=1.5, tiers=((100, Price(10.0, 20.0)), (200, Price(30.0, 40.0)))
    )
    assert price.of(100, 1) == 102.0
    assert price.of(101, 1) == 1030.0
    assert price.of(201, 1) == 30 * 201 + 40
    assert price.of(100, 0, cached_tokens=40) == 60 + 20
    assert price.at_most(100, 1) == 152.0
    assert price.output_usd_after(150) == 20.0


def test_every_row_of_the_table_is_a_price() -> None:
    import importlib.resources

    table = json.loads(importlib.resources.files("codefactory.pipelines.models").joinpath("prices.json").read_text())
    assert table["source"].startswith("litellm ")
    assert table["unit"] == "USD per million tokens"
    assert len(table["models"]) > 100
    for name in table["models"]:
        price = bundled_price(name)
        assert price is not None
        assert 0 < price.input_usd <= price.output_usd < 0.01, name
        assert price.cached_input_usd is None or price.cached_input_usd <= price.input_usd, name
        assert price.at_most(1000, 1000) >= price.of(1000, 1000), name
    assert context_tokens("openai/gpt-4o-mini") == 128_000


def test_a_price_is_found_without_litellm() -> None:
    code = (
        "import sys; from codefactory.pipelines.models.prices import price_of; "
        "print(price_of('gpt-4o')); print('litellm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
