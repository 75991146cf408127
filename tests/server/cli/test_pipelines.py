"""`codefactory pipelines`, `run` and `runs`, through click's runner and as a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from codefactory.server.cli.pipelines import command as pipelines_group
from codefactory.server.cli.run import command as run_command
from codefactory.server.cli.runs import command as runs_group

EXAMPLES = Path(__file__).parents[3] / "examples" / "pipelines"
WRONG = "version: 1\nname: p\nsteps:\n  a: {type: sett}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def run_id_of(result: Result) -> str:
    return result.stderr.split()[1]


def test_validate_names_places_and_ends_with_one(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(WRONG)
    result = invoke(pipelines_group, "validate", "wrong.yaml", EXAMPLES / "greeting.yaml")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == (
        "wrong.yaml:4:13: `sett` is no type of step; did you mean `set`? [unknown-type]"
    )
    assert "greeting.yaml: 2 steps, version " in result.stdout
    data = json.loads(invoke(pipelines_group, "validate", "--json", "wrong.yaml").stdout)
    assert data["wrong.yaml"][0]["code"] == "unknown-type"


def test_show_convert_migrate_diff_schema(folder: Path) -> None:
    shown = invoke(pipelines_group, "show", EXAMPLES / "greeting.yaml").stdout
    assert 'input name: str, default "world". Who is greeted.' in shown
    assert "2. shout (set) ← greet" in shown
    assert invoke(pipelines_group, "show", "--mermaid", EXAMPLES / "greeting.yaml").stdout.startswith("flowchart TD")
    invoke(pipelines_group, "convert", EXAMPLES / "greeting.yaml", "-o", "g.json")
    back = invoke(pipelines_group, "convert", "g.json").stdout
    assert back == (EXAMPLES / "greeting.yaml").read_text()
    (folder / "w.yaml").write_text("workflow: {name: w, steps: [{name: a, type: claude, prompt: x, color: red}]}")
    foreign = invoke(pipelines_group, "convert", "w.yaml")
    assert foreign.stdout.startswith("version: 1\nname: w\n")
    assert "w.yaml:1:64: `color` has no counterpart" in foreign.stderr
    (folder / "old.yaml").write_text("pipeline: old\nsteps:\n  - {id: a, uses: set, args: {value: 1}}\n")
    assert invoke(pipelines_group, "migrate", "--write", "old.yaml").stdout == "old.yaml: migrated\n"
    assert invoke(pipelines_group, "validate", "old.yaml").exit_code == 0
    differs = invoke(pipelines_group, "diff", EXAMPLES / "greeting.yaml", "old.yaml")
    assert (differs.exit_code, differs.stdout.splitlines()[0]) == (1, "~ name: greeting → old")
    assert json.loads(invoke(pipelines_group, "schema").stdout)["title"] == "PipelineModel"


def test_a_run_is_kept_and_can_be_looked_at(folder: Path) -> None:
    result = invoke(run_command, EXAMPLES / "greeting.yaml", "-i", "name=Ada")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"text": "HELLO ADA!"})
    assert "✓ shout" in result.stderr
    run = run_id_of(result)
    assert run in invoke(runs_group, "list").stdout
    shown = invoke(runs_group, "show", run[:14]).stdout
    assert 'outputs   {"text": "HELLO ADA!"}' in shown
    assert "steps     2 run, 0 skipped" in shown
    kinds = [json.loads(line)["kind"] for line in invoke(runs_group, "logs", run, "--json").stdout.splitlines()]
    assert kinds == ["run_started", *["step_started", "step_finished"] * 2, "run_finished"]
    forked = invoke(runs_group, "fork", run, "--edit", 'greet="Good day"', "-q")
    assert json.loads(forked.stdout) == {"text": "GOOD DAY!"}
    pruned = invoke(runs_group, "prune", "--keep", 1)
    assert pruned.stdout.startswith("deleted 1 runs")
    assert run not in invoke(runs_group, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-i", "nam=x"], 2, "`nam` is no input of this pipeline"),
        (["-i", "name"], 2, "write KEY=VALUE"),
        (["-i", "name=3"], 2, "input `name` is an int, not a str"),
    ],
)
def test_a_wrong_input_is_named(folder: Path, arguments: list[str], code: int, message: str) -> None:
    result = invoke(run_command, EXAMPLES / "greeting.yaml", *arguments)
    assert (result.exit_code, message in result.stderr) == (code, True)


def test_an_approval_is_answered_and_the_run_goes_on(folder: Path) -> None:
    waiting = invoke(run_command, EXAMPLES / "release.yaml", "--no-wait")
    assert waiting.exit_code == 4
    run = run_id_of(waiting)
    assert "asks      ask: Publish Release 1.2.0? (yes|no)" in invoke(runs_group, "show", run).stdout
    wrong = invoke(runs_group, "answer", run, "perhaps")
    assert (wrong.exit_code, "`perhaps` is none of the choices: yes, no" in wrong.stderr) == (1, True)
    assert invoke(runs_group, "answer", run, "yes").stdout == "answered ask: yes\n"
    done = invoke(runs_group, "resume", run)
    assert json.loads(done.stdout) == {"result": "published 1.2.0"}
    assert invoke(runs_group, "resume", run).exit_code == 2


def test_a_definition_that_runs_code_must_be_trusted(folder: Path) -> None:
    text = "version: 1\nname: p\nsteps: {a: {type: function, with: {call: 'json:dumps', arguments: {obj: [1]}}}}\n"
    (folder / "code.yaml").write_text(text)
    refused = invoke(run_command, "code.yaml")
    assert (refused.exit_code, "must be trusted first" in refused.stderr) == (2, True)
    assert json.loads(invoke(run_command, "code.yaml", "--trust", "-q").stdout) == {"a": "[1]"}


def test_backup_and_restore(folder: Path) -> None:
    run = run_id_of(invoke(run_command, EXAMPLES / "greeting.yaml"))
    assert invoke(runs_group, "backup", "copy").exit_code == 0
    assert invoke(runs_group, "backup", "copy").exit_code == 1
    invoke(runs_group, "prune", "--keep", 0)
    assert "the old one is" in invoke(runs_group, "restore", "copy").stdout
    assert run in invoke(runs_group, "list").stdout


def process(*arguments: object) -> subprocess.Popen[str]:
    code = "from codefactory.server.cli.run import command; command()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *(str(a) for a in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_asked(folder: Path) -> str:
    for _ in range(600):
        listed = invoke(runs_group, "list", "--json").stdout.splitlines() if (folder / ".codefactory").exists() else []
        if listed and "asks" in invoke(runs_group, "show", json.loads(listed[0])["run"]).stdout:
            return json.loads(listed[0])["run"]
        time.sleep(0.05)
    raise AssertionError("the process asked nothing")


@pytest.mark.parametrize("how", ["interrupt", "cancel", "answer"])
def test_a_process_that_waits_can_be_ended_or_answered_from_another(folder: Path, how: str) -> None:
    running = process(EXAMPLES / "release.yaml")
    try:
        run = until_asked(folder)
        if how == "interrupt":
            os.kill(running.pid, signal.SIGINT)
        else:
            invoke(runs_group, how, run, *(["yes"] if how == "answer" else []))
        out, err = running.communicate(timeout=20)
    finally:
        running.kill()
    if how == "answer":
        assert (running.returncode, json.loads(out)) == (0, {"result": "published 1.2.0"})
    else:
        assert (running.returncode, "cancelled" in err) == (130, True)
        assert "  cancelled    release" in invoke(runs_group, "list").stdout
