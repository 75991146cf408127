from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_line import codefactory, git

from codefactory.analyzers import Text
from codefactory.analyzers.text import Span, TextEdit

VULNERABLE = "import yaml\n\n\ndef load(f):\n    return '😀', yaml.load(f)\n"
SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0-rtm.4.json").read_bytes())
"""From Microsoft's sarif-om 1.0.4 (MIT) on PyPI."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.py").write_text(VULNERABLE)
    (root / "b.py").write_text("import os\nimport sys\n\nprint(sys)\n")
    (root / "clean.py").write_text("x = 1\n")
    (root / "ruff.toml").write_text('lint.select = ["F"]\n')
    return root


def check_json(root: Path, *arguments: str, code: int = 1) -> dict[str, Any]:
    done = codefactory("check", "--format=json", *arguments, cwd=root)
    assert done.returncode == code, done.stderr.decode()
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def found(data: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    return [
        (file["path"], f["rule"], f["start"]["line"], f["start"]["column"])
        for file in data["files"]
        for f in file["findings"]
    ]


def test_json_names_places_and_fixes(project: Path) -> None:
    data = check_json(project, ".")
    assert ("a.py", "bandit:B506", 5, 17) in found(data)
    finding = next(f for f in data["files"][0]["findings"] if f["code"] == "B506")
    (fix,) = finding["fixes"]
    assert (fix["safety"], fix["fixer"]) == ("review", "yaml-safe-load")
    edits = [TextEdit(_span(e), e["newText"]) for e in fix["edits"]]
    assert Text(VULNERABLE).apply(edits) == VULNERABLE.replace("yaml.load", "yaml.safe_load")
    assert [file["path"] for file in data["files"]] == ["a.py", "b.py", "clean.py", "ruff.toml"]
    assert any(name.startswith("bandit ") for name in data["analyzers"])


def _span(data: dict[str, Any]) -> Span:
    start, end = data["start"], data["end"]
    return Span.at(start["line"] - 1, start["column"] - 1, end["line"] - 1, end["column"] - 1)


def test_one_file_and_many_give_the_same(project: Path) -> None:
    for name in ("a.py", "b.py"):
        alone = check_json(project, name)["files"][0]
        together = next(f for f in check_json(project, ".")["files"] if f["path"] == name)
        assert alone == together


def test_a_broken_ruff_configuration_is_said_once_for_each_file(project: Path) -> None:
    (project / "ruff.toml").write_text("[lint]\nselect = ['NONSENSE']\n")
    data = check_json(project, ".", code=2)
    assert ("a.py", "bandit:B506", 5, 17) in found(data)
    assert {p["kind"] for p in data["problems"]} == {"configuration"}


def test_exit_codes(project: Path) -> None:
    cases: list[tuple[list[str], int, bytes]] = [
        (["clean.py"], 0, b""),
        (["a.py"], 1, b""),
        (["a.py", "--exit-zero"], 0, b""),
        (["b.py", "--severity=high"], 0, b""),
        (["none.py"], 2, b"none.py does not exist"),
        (["a.py", "--format=xml"], 2, b"'xml' is not one of"),
        ([], 2, b"Missing argument"),
        (["--changed", "a.py"], 2, b"git repository"),
    ]
    for arguments, code, said in cases:
        done = codefactory("check", *arguments, cwd=project)
        assert (done.returncode, said in done.stderr) == (code, True), (arguments, done.stderr)


def test_what_could_not_be_checked_is_said(project: Path) -> None:
    (project / "junk.py").write_bytes(b"\0\1\2")
    (project / "latin.py").write_bytes(b"x = '\xe9'\n")
    done = codefactory("check", "clean.py", "latin.py", cwd=project)
    assert done.returncode == 3
    assert b"latin.py is not UTF-8" in done.stderr
    data = check_json(project, "junk.py", code=3)
    assert "binary" in data["problems"][0]["message"]
    (project / "latin.py").unlink()
    assert check_json(project, ".")["skipped"] == ["junk.py"]


def test_ruff_missing_is_no_clean_bill(project: Path, tmp_path: Path) -> None:
    config = tmp_path / "home" / "config" / "codefactory"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[ruff]\npath = '/no/such/ruff'\n")
    done = codefactory("check", "clean.py", "b.py", cwd=project)
    assert done.returncode == 3
    assert b"ruff was not found" in done.stderr


def test_untrusted_settings_are_a_note(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.codefactory.ruff]\narguments = ['--select=ALL']\n")
    done = codefactory("check", "clean.py", cwd=project)
    assert done.returncode == 0
    assert b"codefactory trust" in done.stderr
    assert codefactory("trust", "--yes", cwd=project).returncode == 0
    done = codefactory("check", "clean.py", cwd=project)
    assert done.returncode == 1
    assert done.stderr == b""


def test_standard_input(project: Path) -> None:
    done = codefactory(
        "check", "-", "--stdin-filename=sub/x.py", "--format=json", cwd=project, stdin=VULNERABLE.encode()
    )
    assert done.returncode == 1
    assert ("sub/x.py", "bandit:B506", 5, 17) in found(json.loads(done.stdout))
    assert codefactory("check", "-", "a.py", cwd=project).returncode == 2


def test_changed_files_only(project: Path) -> None:
    git("init", "-q", cwd=project)
    git("add", ".", cwd=project)
    git("commit", "-qm", "one", cwd=project)
    (project / "b.py").write_text("import sys\n")
    assert [f["path"] for f in check_json(project, "--changed", ".")["files"]] == ["b.py"]
    assert [f["path"] for f in check_json(project, "--changed=HEAD", ".")["files"]] == ["b.py"]


def test_sarif_is_valid_and_complete(project: Path) -> None:
    (project / "ümläut dir").mkdir()
    shutil.copy(project / "a.py", project / "ümläut dir" / "ä 100%.py")
    (project / "latin.py").write_bytes(b"x = '\xe9'\n")
    done = codefactory("check", ".", "--format=sarif", cwd=project)
    assert done.returncode == 3
    sarif = json.loads(done.stdout)
    jsonschema.Draft4Validator(SCHEMA).validate(sarif)
    (run,) = sarif["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "latin.py" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["partialFingerprints"]["codefactoryFingerprint/v1"]
    flagged = [r for r in run["results"] if r["ruleId"] == "bandit:B506"]
    places = [r["locations"][0]["physicalLocation"] for r in flagged]
    assert [p["artifactLocation"]["uri"] for p in places] == [
        "a.py",
        "%C3%BCml%C3%A4ut%20dir/%C3%A4%20100%25.py",
    ]
    assert places[0]["region"]["startColumn"] == 17
    assert places[0]["region"]["snippet"]["text"] == "yaml.load(f)"
    (change,) = flagged[0]["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"]["text"] == "safe_load"


def test_github_annotations(project: Path) -> None:
    done = codefactory("check", "a.py", "--format=github", cwd=project)
    line = next(x for x in done.stdout.decode().splitlines() if "B506" in x)
    assert line.startswith(
        "::warning file=a.py,line=5,endLine=5,title=bandit%3AB506,col=17,endColumn=29::Use of unsafe yaml load."
    )


def test_a_reader_that_stops_is_no_error(project: Path) -> None:
    import subprocess

    from command_line import PROGRAM, environment

    (project / "many.py").write_text("import os\n" * 3000)
    done = subprocess.run(
        f"'{PROGRAM}' check many.py | head -1",
        shell=True,
        cwd=project,
        capture_output=True,
        env=environment(project.parent),
        check=False,
    )
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["repair", "--help"]])
def test_help_names_the_exit_codes_and_loads_nothing_heavy(project: Path, arguments: list[str]) -> None:
    done = codefactory(*arguments, cwd=project, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    imported = {line.rpartition(b"|")[2].strip() for line in done.stderr.splitlines()}
    heavy = {b"rich", b"pydantic", b"libcst", b"bandit", b"litellm", b"pygls", b"asyncio.base_events", b"yaml"}
    assert b"click" in imported
    assert imported.isdisjoint(heavy - ({b"asyncio.base_events"} if arguments[0] == "repair" else set()))
    assert len(arguments) == 1 or b"Exit codes:" in done.stdout


def test_version(project: Path) -> None:
    done = codefactory("--version", cwd=project)
    assert done.stdout.startswith(b"codefactory 0.")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "utf-8-sig"])
def test_columns_are_right_in_every_declared_encoding(project: Path, encoding: str) -> None:
    cookie = f"# coding: {encoding.removesuffix('-sig')}\n"
    source = f"{cookie}import yaml\nx = 'ééé', yaml.load(f)\n".encode(encoding)
    (project / "e.py").write_bytes(source)
    places = found(check_json(project, "e.py"))
    assert ("e.py", "bandit:B506", 3, 12) in places
    assert ("e.py", "ruff:F821", 3, 22) in places
