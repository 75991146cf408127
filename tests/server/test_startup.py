"""What the server is made of before the first request, and that its documentation names it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codefactory.server.features.commands import COMMANDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "language-server.md"


@pytest.mark.parametrize("module", ["pydantic", "libcst", "litellm", "bandit", "tree_sitter", "rich", "urllib.request"])
def test_a_start_does_not_import(module: str) -> None:
    """`initialize` has to be answered about as fast as by a server that does nothing."""
    script = "import sys; from codefactory.server.app import create_server; create_server(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert module not in done.stdout.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_documented(command: str) -> None:
    assert f".{command.rpartition('.')[2]}" in DOCUMENT.read_text("utf-8")
