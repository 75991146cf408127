"""Every example in docs/pipelines.md runs: YAML gives the JSON below it, Python passes its own assertions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine

TEXT = (Path(__file__).parents[3] / "docs" / "pipelines.md").read_text()
YAML = re.findall(r"^```yaml\n(.*?)^```\n```json\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_no_example_is_left_out() -> None:
    assert (TEXT.count("```yaml"), TEXT.count("```python")) == (len(YAML), len(PYTHON))
    assert len(YAML) >= 9


@pytest.mark.parametrize(("text", "outputs"), YAML, ids=lambda v: v.split("\n")[1] if v.startswith("version") else "")
async def test_yaml(text: str, outputs: str) -> None:
    assert (await Engine().run(loads(text).unwrap())).unwrap() == json.loads(outputs)


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
