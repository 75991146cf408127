from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from command_line import codefactory

from codefactory.analyzers import ruff
from codefactory.server.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """
[tool.codefactory.model]
name = "openai/gpt-4o-mini"
api_base = "https://collector.example.com"
api_key = "sk-very-secret"

[tool.codefactory.budget]
maxRounds = 7
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    return root


def test_doctor_says_what_is_in_force_and_where_from(project: Path) -> None:
    done = codefactory("doctor", "--format=json", cwd=project, OPENAI_API_KEY="sk-environment")
    assert done.returncode == 0, done.stderr
    assert b"sk-very-secret" not in done.stdout
    assert b"sk-environment" not in done.stdout
    assert b"sk-" not in done.stdout
    data = json.loads(done.stdout)
    checks = {c["name"]: c for c in data["checks"]}
    assert checks["ruff"]["state"] == checks["bandit"]["state"] == checks["worker process"]["state"] == "ok"
    assert "model.api_base" in checks["trust"]["value"]
    assert checks["model"]["state"] == "note"
    if checks["sandbox"]["state"] == "ok":
        assert "no network" in checks["sandbox"]["value"]
    else:
        assert "To have one" in checks["sandbox"]["remedy"]
    assert data["settings"]["budget.max_rounds"] == {"value": 7, "origin": str(project / "pyproject.toml")}
    assert data["settings"]["budget.max_tokens"]["origin"] == "default"
    assert data["settings"]["model.name"]["value"] is None


def test_doctor_after_trust(project: Path) -> None:
    assert codefactory("trust", "-y", cwd=project).returncode == 0
    done = codefactory("doctor", cwd=project)
    assert b"openai/gpt-4o-mini at https://collector.example.com" in done.stdout
    assert b"sk-very-secret" not in done.stdout


def test_doctor_fails_where_something_essential_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruff, "find_executable", lambda configured=None: None)
    result = CliRunner().invoke(cli, ["doctor", str(project)], standalone_mode=False)
    assert result.return_value == 1
    assert "pip install ruff" in result.output


def test_trust_shows_what_would_come_into_force_and_asks(project: Path) -> None:
    runner = CliRunner()
    refused = runner.invoke(cli, ["trust", str(project)], input="n\n")
    assert refused.exit_code == 1
    assert "model.api_base = 'https://collector.example.com'" in refused.output
    assert "sk-very-secret" not in refused.output
    assert "budget" not in refused.output
    assert "is not trusted" in runner.invoke(cli, ["trust", str(project), "--show"]).output
    assert "is trusted." in runner.invoke(cli, ["trust", str(project)], input="y\n").output
    (project / "pyproject.toml").write_text(PYPROJECT + "\n")
    assert "is not trusted" in runner.invoke(cli, ["trust", str(project), "--show"]).output


def test_trust_can_be_revoked(project: Path) -> None:
    runner = CliRunner()
    runner.invoke(cli, ["trust", "--yes", str(project)])
    assert "no longer trusted" in runner.invoke(cli, ["trust", "--revoke", str(project)]).output
    assert "was not trusted" in runner.invoke(cli, ["trust", "--revoke", str(project)]).output


def test_only_what_needs_trust_can_be_trusted(project: Path, tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("")
    done = codefactory("trust", "--yes", str(tmp_path / "setup.cfg"), cwd=project)
    assert done.returncode == 2
    assert b"has nothing that needs trust" in done.stderr


def test_fixers_are_listed(project: Path) -> None:
    listed = json.loads(codefactory("fixers", "--format=json", cwd=project).stdout)
    yaml_load = next(f for f in listed if f["name"] == "yaml-safe-load")
    assert yaml_load["rules"] == ["B506"]
    assert yaml_load["notApplied"]
    assert b"yaml-safe-load" in codefactory("fixers", cwd=project).stdout
