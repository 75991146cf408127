"""`codefactory steps`: every type with what one has to know to use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from command_line import codefactory

from codefactory.pipelines.definitions.steps import BUILT_IN

if TYPE_CHECKING:
    from pathlib import Path


def test_all_types_are_listed(tmp_path: Path) -> None:
    done = codefactory("steps", cwd=tmp_path)
    assert [line.split()[0] for line in done.stdout.decode().splitlines()] == [t.name for t in BUILT_IN]
    found = json.loads(codefactory("steps", "--format", "json", cwd=tmp_path).stdout)
    assert [t["name"] for t in found] == [t.name for t in BUILT_IN]
    assert all(t["summary"] and t["settings"] and t["description"] for t in found)
    assert all(setting["description"] for t in found for setting in t["settings"])


def test_one_type_is_described(tmp_path: Path) -> None:
    text = codefactory("steps", "file", cwd=tmp_path).stdout.decode()
    assert "effects: reads, writes" in text
    assert "overwrite (boolean, default false)" in text
    assert "type: file\n  with: {operation: read, path: README.md}" in text
    assert "regex: Applies a regular expression" in codefactory("steps", "transform", cwd=tmp_path).stdout.decode()
    tools = json.loads(codefactory("steps", "tool", "-f", "json", cwd=tmp_path).stdout)["tools"]
    assert tools[0]["name"] == "check"
    assert tools[0]["parameters"]["required"] == ["paths"]


def test_an_unknown_type_has_a_suggestion(tmp_path: Path) -> None:
    done = codefactory("steps", "fiel", cwd=tmp_path)
    assert done.returncode == 2
    assert b"there is no type of step `fiel`; did you mean `file`?" in done.stderr
