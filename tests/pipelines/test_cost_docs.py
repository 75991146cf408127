"""What docs/cost.md says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from codefactory.pipelines.prompts.library import bundled_names
from codefactory.pipelines.settings import BudgetSettings, Layer, resolve

DOCS = (Path(__file__).parents[2] / "docs" / "cost.md").read_text(encoding="utf-8")


def test_the_settings_in_it_are_settings() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        settings, problems = resolve([Layer("docs", tomllib.loads(block))])
        assert problems == ()
        assert settings != resolve([])[0] or "[cache]" in block


def test_the_defaults_in_it_are_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `budget\.(\w+)` \| (\S+) \|", DOCS, re.MULTILINE))
    said = {name: None if value == "none" else float(value.replace(",", "")) for name, value in rows.items()}
    assert said == BudgetSettings().model_dump()


def test_it_names_every_template() -> None:
    assert {name for name in bundled_names() if f"`{name}`" not in DOCS} == set()
