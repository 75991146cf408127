from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import codefactory, git
from scripted_server import Reply, ScriptedServer

LEDGER = Path(__file__).resolve().parents[3] / "examples" / "ledger"
FILES = {
    "crlf.py": b"import yaml\r\n\r\n\r\ndef load(f):\r\n    return yaml.load(f)\r\n",
    "no final newline.py": b"import yaml\nimport os\n\n\ndef load(f):\n    return yaml.load(f)",
    "latin.py": "# coding: latin-1\nimport os\nimport yaml\n\nNAME = 'Zoë'\nprint(yaml.load(NAME))\n".encode("latin-1"),
    "bom.py": b"\xef\xbb\xbfimport os\n\nprint('x')\n",
    "clean.py": b"x = 1\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    for name, data in FILES.items():
        (root / "sub" / name).write_bytes(data)
    (root / "ruff.toml").write_text('lint.select = ["F"]\n')
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def repair_json(root: Path, *arguments: str) -> dict[str, Any]:
    done = codefactory("repair", "--format=json", *arguments, cwd=root)
    assert done.returncode == 0, done.stderr.decode()
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def test_the_diff_applies_to_exactly_what_write_writes(project: Path, tmp_path: Path) -> None:
    before = contents(project)
    done = codefactory("repair", ".", cwd=project)
    assert done.returncode == 0
    assert contents(project) == before
    written = tmp_path / "written"
    shutil.copytree(project, written)
    assert codefactory("repair", ".", "--write", cwd=written).returncode == 0
    (tmp_path / "patch").write_bytes(done.stdout)
    git("apply", "--check", "-v", str(tmp_path / "patch"), cwd=project)
    git("apply", str(tmp_path / "patch"), cwd=project)
    assert contents(project) == contents(written) != before
    assert contents(project)["sub/crlf.py"] == FILES["crlf.py"].replace(b"yaml.load", b"yaml.safe_load")
    assert contents(project)["sub/bom.py"] == b"\xef\xbb\xbf\nprint('x')\n"
    assert b"'Zo\xeb'" in contents(project)["sub/latin.py"]
    assert b"safe_load" in contents(project)["sub/latin.py"]


def test_the_diff_applies_inside_a_repository(project: Path, tmp_path: Path) -> None:
    git("init", "-q", cwd=project)
    (tmp_path / "patch").write_bytes(codefactory("repair", ".", cwd=project / "sub").stdout)
    git("apply", str(tmp_path / "patch"), cwd=project / "sub")
    assert b"safe_load" in (project / "sub" / "crlf.py").read_bytes()


def test_evidence_as_data(project: Path) -> None:
    data = repair_json(project, "sub/no final newline.py")
    (file,) = data["files"]
    assert (file["status"], file["safety"], file["origin"]) == ("proposed", "review", "fixers")
    assert {f["rule"] for f in file["evidence"]["fixed"]} == {"bandit:B506", "ruff:F401"}
    assert file["evidence"]["introduced"] == []
    assert {f["fixer"] for f in file["evidence"]["fixes"]} == {"yaml-safe-load", "ruff"}
    assert "-    return yaml.load(f)\n\\ No newline at end of file\n" in file["diff"]


def test_only_safe_fixes_and_only_some_rules(project: Path) -> None:
    name = "sub/no final newline.py"
    for arguments, rules in (
        (("--safe-only",), {"ruff:F401"}),
        (("--rule=F401",), {"ruff:F401"}),
        (("--rule=bandit:B506,X1",), {"bandit:B506"}),
        (("--rule=bandit",), {"bandit:B506"}),
    ):
        (file,) = repair_json(project, name, *arguments)["files"]
        assert {f["rule"] for f in file["evidence"]["fixed"]} == rules, arguments
    assert repair_json(project, name, "--rule=B999")["files"] == []


def test_a_refusal_says_why(project: Path) -> None:
    (project / "eval.py").write_text("import subprocess\n\nsubprocess.call(['ls'])\n")
    (file,) = repair_json(project, "eval.py")["files"]
    assert file["status"] == "refused"
    assert file["reason"]
    assert {f["code"] for f in file["remaining"]} == {"B404", "B603", "B607"}


def test_a_write_protected_file_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from codefactory.server import files
    from codefactory.server.cli import cli

    def refuse(file: files.TextFile, text: str) -> None:
        raise PermissionError(f"{file.path} is write-protected")

    monkeypatch.setattr(files, "write", refuse)
    monkeypatch.chdir(project)
    result = CliRunner().invoke(cli, ["repair", "sub/crlf.py", "--write", "--jobs=1"], standalone_mode=False)
    assert result.return_value == 3
    assert "write-protected" in result.stderr
    assert "0 files written" in result.stdout


def test_standard_input_cannot_be_repaired(project: Path) -> None:
    assert codefactory("repair", "-", cwd=project).returncode == 2


def test_without_a_model_the_way_to_one_is_said(project: Path) -> None:
    (project / "eval.py").write_text("import subprocess\n\nprint(subprocess)\n")
    done = codefactory("repair", "eval.py", cwd=project)
    assert done.stdout == b""
    said = b" ".join(done.stderr.split())
    assert b"codefactory models pull qwen2.5-coder-1.5b" in said
    assert b"codefactory.model.name (--model)" in said


def test_the_example_still_works_when_it_is_repaired(tmp_path: Path) -> None:
    root = tmp_path / "ledger"
    shutil.copytree(LEDGER, root, ignore=shutil.ignore_patterns("__pycache__"))
    before = json.loads(codefactory("check", ".", "--format=json", cwd=root).stdout)
    codes = {f["code"] for file in before["files"] for f in file["findings"]}
    assert len(codes & EXPECTED) >= 20, EXPECTED - codes
    _run_tests(root)
    assert codefactory("repair", ".", "--write", cwd=root).returncode == 0
    after = json.loads(codefactory("check", ".", "--format=json", cwd=root).stdout)
    _run_tests(root)
    counts = [sum(len(file["findings"]) for file in data["files"]) for data in (before, after)]
    assert counts[1] < counts[0]
    notices = (root / "ledger" / "notices.py").read_bytes()
    assert notices.count(b"\n") == notices.count(b"\r\n")
    assert 'f"📨' not in notices.decode()


EXPECTED = {
    "B101", "B103", "B104", "B105", "B108", "B110", "B113", "B201", "B301", "B306", "B307", "B311", "B314", "B324",
    "B501", "B506", "B602", "B605", "B608", "B701", "B006", "E401", "E711", "E722", "F401", "F541", "F841",
}  # fmt: skip


def _run_tests(root: Path) -> None:
    command = [sys.executable, "-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_change_that_fails_the_tests_is_not_shown(project: Path) -> None:
    (project / "pyproject.toml").write_text("")
    name, command = "sub/crlf.py", f"{sys.executable} -c \"assert b'yaml.load' in open('sub/crlf.py', 'rb').read()\""
    (file,) = repair_json(project, name, f"--test-command={command}")["files"]
    assert file["status"] == "refused"
    (file,) = repair_json(project, name, f"--test-command={sys.executable} -c pass")["files"]
    assert file["evidence"]["tests"]["passed"] is True
    assert (project / name).read_bytes() == FILES["crlf.py"]


def test_the_model_sees_what_the_file_uses(tmp_path: Path) -> None:
    (tmp_path / "limits.py").write_text("def limit_of(name):\n    return 1\n")
    (tmp_path / "app.py").write_text(
        "import pickle\n\nfrom limits import limit_of\n\n\ndef read(data):\n    return limit_of(pickle.loads(data))\n"
    )
    with ScriptedServer([Reply("No change.", times=None)]) as server:
        arguments = ("--model=openai/scripted", f"--api-base={server.url}", "--max-rounds=1", "app.py")
        environment = {"OPENAI_API_KEY": "sk-for-nobody", "XDG_CACHE_HOME": str(tmp_path / "cache")}
        codefactory("repair", *arguments, cwd=tmp_path, **environment)
        assert "File limits.py (whole;" in server.requests[0].prompt
