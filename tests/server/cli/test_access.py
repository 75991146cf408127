"""`codefactory run` and its policy: defaults, `--allow` options, validation, resuming, `codefactory audit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from codefactory.pipelines import trust
from codefactory.pipelines.definitions.registry import StepType, default_registry
from codefactory.pipelines.definitions.steps.set import SetConfig
from codefactory.server.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

    from codefactory.pipelines.engine import Context

SEEN: list[Any] = []


async def see(config: SetConfig, ctx: Context) -> Any:
    SEEN.append(ctx.policy)
    if config.value == "fail" and len(SEEN) == 1:
        raise ValueError("once")
    return await ctx.with_secrets(config.value) if config.value == "secret:token" else "seen"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "config" / "codefactory").mkdir(parents=True)
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text("")
    monkeypatch.chdir(root)
    registry = default_registry()
    types = {"seeing": frozenset[Any](), "fetching": frozenset({"network"}), "reading": frozenset({"reads"})}
    for name, effects in types.items():
        if registry.find(name) is None:
            registry.register(StepType(name, SetConfig, see, "For these tests.", effects=effects))
    SEEN.clear()
    return root


def definition(folder: Path, kind: str, value: str = "x", *, trusted: bool = True) -> str:
    file = folder / "p.yaml"
    file.write_text(f"version: 1\nname: p\nsteps:\n  a: {{type: {kind}, with: {{value: '{value}'}}}}\n")
    if trusted:
        trust.trust(file)
    return str(file)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), standalone_mode=True)


def test_a_trusted_definition_works_in_its_project(folder: Path) -> None:
    result = invoke("run", definition(folder, "reading"), "-q")
    assert result.exit_code == 0, result.output
    assert (SEEN[0].read, SEEN[0].write, SEEN[0].hosts) == ((folder,), (folder,), ())


def test_another_touches_nothing(folder: Path) -> None:
    refused = invoke("run", definition(folder, "reading", trusted=False), "-q")
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"{folder}/p.yaml:4:13: step `a` reads files (reads), and the policy's `read` is empty: add to `policy.read`; "
        "`--allow-read FOLDER` allows it for one run; the definition is not trusted: `codefactory trust` lets it work "
        "in its project. [not-allowed]\n"
    )
    assert SEEN == []
    assert invoke("run", str(folder / "p.yaml"), "-q", "--allow-read", "data").exit_code == 0
    assert SEEN[0].read == (folder / "data",)


def test_validate_says_what_would_be_refused(folder: Path) -> None:
    file = definition(folder, "fetching")
    refused = invoke("pipelines", "validate", file)
    assert (refused.exit_code, "[not-allowed]" in refused.stdout) == (1, True)
    assert invoke("pipelines", "validate", file, "--allow-host", "api.example.com").exit_code == 0


def test_the_users_settings_allow_and_the_projects_narrow(folder: Path) -> None:
    config = folder.parent / "config" / "codefactory" / "config.toml"
    config.write_text("[policy]\nhosts = ['*.example.com']\n")
    (folder / "pyproject.toml").write_text("[tool.codefactory.policy]\nhosts = ['api.example.com', 'evil.org']\n")
    assert invoke("run", definition(folder, "fetching"), "-q").exit_code == 0
    assert SEEN[0].hosts == ("api.example.com",)


def test_a_run_is_resumed_with_no_more_than_it_had(folder: Path) -> None:
    file = definition(folder, "seeing", "fail")
    failed = invoke("run", file, "--allow-host", "a.com")
    assert failed.exit_code == 1
    run = failed.stderr.split()[1]
    assert invoke("runs", "resume", run, "-q", "--allow-host", "b.com", "--allow-host", "a.com").exit_code == 0
    assert [policy.hosts for policy in SEEN] == [("a.com",), ("a.com",)]
    assert SEEN[1].read == (folder,)


def test_a_secret_by_reference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "tops3cret")
    config = folder.parent / "config" / "codefactory" / "config.toml"
    config.write_text("[secrets.token]\nenv = 'MY_TOKEN'\n")
    file = definition(folder, "seeing", "secret:token")
    refused = invoke("run", file, "-q")
    assert (refused.exit_code, "--allow-secret token" in refused.stderr) == (2, True)
    result = invoke("run", file, "-q", "--allow-secret", "token")
    assert json.loads(result.stdout) == {"a": "[secret:token]"}


def test_the_audit_log_has_it(folder: Path) -> None:
    assert invoke("run", definition(folder, "seeing"), "-q").exit_code == 0
    shown = invoke("audit", "show", "--format", "json", "--since", "1h").stdout
    records = [json.loads(line) for line in shown.splitlines()]
    assert [r["kind"] for r in records] == ["run_started", "run_finished"]
    assert invoke("audit", "verify").stdout == "whole: 2 records\n"
    log = folder.parent / "data" / "codefactory" / "audit" / "audit.jsonl"
    log.write_text(log.read_text().replace("succeeded", "cancelled"))
    broken = invoke("audit", "verify")
    assert broken.exit_code == 1
    assert f"broken: {log}:2: record 2: it was changed, or made by somebody else" in broken.stdout
    assert invoke("audit", "show", "--since", "yesterday").exit_code == 2
