"""docs/steps.md: its tables are what the program says, and its examples run.

The tables are written anew by

    python tests/pipelines/test_steps_docs.py
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codefactory.pipelines.definitions import default_registry, loads
from codefactory.pipelines.definitions.catalogue import described
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.policy import AccessPolicy

DOCUMENT = Path(__file__).parents[2] / "docs" / "steps.md"
TEXT = DOCUMENT.read_text("utf-8")
BLOCK = re.compile(r"<!-- (settings: (\w+)|operations|effects) -->\n(.*?)<!-- end -->\n", re.DOTALL)
YAML = re.findall(r"^```yaml\n((?:(?!^```).)*?)^```\n```json\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
UNRUN = re.findall(r"^```yaml\n((?:(?!^```).)*?)^```\n(?!```json)", TEXT, re.DOTALL | re.MULTILINE)
"""What would need a model: checked, not run."""
PYTHON = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
LATER = {"api"}
"""Types that are described once they are there."""


def table(kind: str, name: str) -> str:
    if kind == "operations":
        found = described(next(t for t in BUILT_IN if t.name == "transform"))["operations"]
        return _table(("operation", "does"), [(f"`{o['name']}`", o["summary"]) for o in found])
    if kind == "effects":
        rows = [(f"`{t.name}`", ", ".join(sorted(t.effects)) or "none") for t in BUILT_IN]
        return _table(("type", "effects"), rows)
    found = described(next(t for t in BUILT_IN if t.name == name))
    rows = [
        (f"`{s['name']}`", s["type"], "required" if s["required"] else f"`{s['default']}`", s["description"])
        for s in found["settings"]
    ]
    return _table(("setting", "type", "default", "meaning"), rows) + f"\nOutput: {found['output']}.\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def test_the_tables_are_what_the_program_says() -> None:
    wrong = [m[1] for m in BLOCK.finditer(TEXT) if m[3] != table(m[1], m[2])]
    assert not wrong, f"run: python {Path(__file__).relative_to(DOCUMENT.parents[1])}"


def test_every_type_is_described() -> None:
    described_types = {m[2] for m in BLOCK.finditer(TEXT) if m[2]}
    assert described_types | LATER == {t.name for t in BUILT_IN} | LATER
    assert len(YAML) + len(UNRUN) >= len(described_types)
    assert (TEXT.count("```yaml"), TEXT.count("```python")) == (len(YAML) + len(UNRUN), len(PYTHON))
    assert [loads(text).findings for text in UNRUN] == [()] * len(UNRUN)


@pytest.mark.parametrize(("text", "outputs"), YAML, ids=lambda v: v.split("\n")[1] if v.startswith("version") else "")
async def test_yaml(text: str, outputs: str, tmp_path: Path) -> None:
    engine = Engine(policy=AccessPolicy(read=(tmp_path,), write=(tmp_path,)))
    try:
        result = await engine.run(loads(text, trusted=True).unwrap())
    finally:
        engine.close()
    assert result.unwrap() == json.loads(outputs)


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("step_type", [t for t in BUILT_IN if t.name not in LATER], ids=lambda t: t.name)
def test_the_catalogues_examples_are_valid(step_type: object) -> None:
    found = default_registry().find(getattr(step_type, "name", ""))
    assert found is not None
    assert found.example
    step = "\n".join(f"    {line}" for line in found.example.splitlines())
    assert loads(f"version: 1\nname: p\nsteps:\n  s:\n{step}\n", trusted=True).findings == ()


if __name__ == "__main__":
    new = BLOCK.sub(lambda m: f"<!-- {m[1]} -->\n{table(m[1], m[2])}<!-- end -->\n", TEXT)
    DOCUMENT.write_text(new, "utf-8")
