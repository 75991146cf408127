"""What docs/security.md says of settings is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from codefactory.pipelines.names import snake
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.policy.workspace import PolicySettings
from codefactory.pipelines.settings import Layer, resolve

TEXT = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")


def test_examples_of_settings_are_valid() -> None:
    examples = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        _, problems = resolve([Layer("config.toml", tomllib.loads(example), user=True)])
        assert problems == ()


def test_the_table_names_every_setting() -> None:
    table = TEXT.partition("| Setting | Trusted |")[2].partition("\n\n")[0]
    named = {snake(name) for row in table.splitlines()[2:] for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    assert named == set(PolicySettings.model_fields) == set(AccessPolicy.model_fields)
