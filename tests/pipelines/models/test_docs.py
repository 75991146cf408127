"""The examples in docs/models.md: Python passes its own assertions, YAML is a valid pipeline."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from codefactory.pipelines.definitions import loads

TEXT = (Path(__file__).parents[3] / "docs" / "models.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
def test_python(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
def test_yaml(text: str) -> None:
    assert loads(text).unwrap().name == "summary"
