"""`codefactory repair --model`: the whole way, through litellm over real HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import codefactory
from scripted_server import Failure, Reply, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "import json\nimport os\n\n\ndef load(data):\n    return eval(data + '')\n\n\ndump = json.dumps\n"
REPAIRED = "import json\n\n\ndef load(data):\n    return json.loads(data)\n\n\ndump = json.dumps\n"
SILENCED = "<<<<<<< SEARCH\n    return eval(data + '')\n=======\n    return eval(data + '')  # nosec\n>>>>>>> REPLACE\n"
HONEST = "<<<<<<< SEARCH\n    return eval(data + '')\n=======\n    return json.loads(data)\n>>>>>>> REPLACE\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text(SOURCE)
    (root / "ruff.toml").write_text('lint.select = ["F"]\n')
    return root


def repair(root: Path, server: ScriptedServer, *more: str) -> dict[str, Any]:
    model = ("--model", "openai/scripted", "--api-base", server.url)
    done = codefactory("repair", "app.py", *model, "--format", "json", *more, cwd=root)
    assert done.returncode == 0, done.stderr.decode()
    (file,) = json.loads(done.stdout)["files"]
    return file


def test_refused_once_then_accepted_and_written(project: Path) -> None:
    with ScriptedServer([Reply(SILENCED), Reply(HONEST)]) as server:
        file = repair(project, server, "--write")
    assert (project / "app.py").read_text() == REPAIRED
    assert (file["origin"], file["safety"], file["written"]) == ("both", "review", True)
    rounds = file["evidence"]["rounds"]
    assert [r["accepted"] for r in rounds] == [False, True]
    assert "nosec" in rounds[0]["verdict"]
    assert [(r["inputTokens"], r["outputTokens"]) for r in rounds] == [r.reported for r in server.requests]


def test_a_model_that_fails_leaves_what_the_fixers_did(project: Path) -> None:
    with ScriptedServer([Failure(401, message="bad key", times=None)]) as server:
        file = repair(project, server)
    assert file["origin"] == "fixers"
    assert [f["code"] for f in file["evidence"]["remaining"]] == ["B307"]
    assert "openai/scripted" in file["evidence"]["rounds"][0]["problem"]
    assert (project / "app.py").read_text() == SOURCE


def test_without_money_nothing_is_asked(project: Path) -> None:
    with ScriptedServer([Reply(HONEST)]) as server:
        done = codefactory(
            "repair", "app.py", "--model", "openai/gpt-4o", "--api-base", server.url, "--max-usd", "0", cwd=project
        )
    assert done.returncode == 0
    assert server.requests == []


def test_who_uses_a_public_name_is_known(project: Path) -> None:
    (project / "other.py").write_text('from app import load\n\nload("1")\n')
    renamed = HONEST.replace("    return", "def load(data):\n    return", 1).replace(
        "    return json", "def parse(data):\n    return json"
    )
    with ScriptedServer([Reply(renamed), Reply(HONEST)]) as server:
        rounds = repair(project, server)["evidence"]["rounds"]
    assert [r["accepted"] for r in rounds] == [False, True]
    assert "used in other.py" in rounds[0]["verdict"]
