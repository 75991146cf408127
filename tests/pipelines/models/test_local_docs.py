"""docs/local-models.md says what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from codefactory.pipelines.models import catalogue
from codefactory.pipelines.models.catalogue import size
from codefactory.pipelines.settings import LocalSettings

if TYPE_CHECKING:
    import pytest

TEXT = (Path(__file__).parents[3] / "docs" / "local-models.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The table below a heading: the cells of each row, without its head."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_catalogue() -> None:
    models = [m for m in catalogue.load() if m.sources]
    assert [row[:4] for row in rows("The catalogue")] == [
        [f"`{m.name}`", size(m.bytes), size(m.memory_bytes(LocalSettings().context_tokens)), m.licence] for m in models
    ]


def test_the_settings() -> None:
    found = {
        name.removeprefix("local.").replace("-", "_"): default
        for names, defaults, _ in rows("Embedded models")
        for name, default in zip(re.findall("`([^`]+)`", names), defaults.split(", ") * 4, strict=False)
    }
    assert set(found) == set(LocalSettings.model_fields)
    for name in ("context_tokens", "idle_s"):
        assert found[name] == f"{LocalSettings.model_fields[name].default:g}"
    ports = next(row for row in rows("Embedded models") if "ollama-port" in row[0])[1]
    settings = LocalSettings()
    assert ports == ", ".join(
        str(p) for p in (settings.ollama_port, settings.lm_studio_port, settings.llama_cpp_port, settings.vllm_port)
    )


def test_the_example_is_a_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert tomllib.loads(example)
    monkeypatch.setattr(catalogue, "user_file", lambda: tmp_path / "models.toml")
    (tmp_path / "models.toml").write_text(example, "utf-8")
    assert catalogue.load().get("my-model").memory_bytes(8192) > 986_048_768
