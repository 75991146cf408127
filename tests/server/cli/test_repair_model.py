"""`codefactory repair --model`: the whole way, through litellm over real HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import fake_llama
import pytest
from command_line import codefactory
from model_files import CONTENT, entry, write_catalogue
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


def on_this_machine(root: Path, server: ScriptedServer, **model: str) -> None:
    """The user's settings: a server runs on vLLM's port, which is this one; no other is looked at."""
    port = server.url.split(":")[2].split("/")[0]
    shut = "".join(f"{kind}-port = 0\n" for kind in ("ollama", "lm-studio", "llama-cpp"))
    file = root.parent / "home" / "config" / "codefactory" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    named = "".join(f"{key} = {value!r}\n" for key, value in model.items())
    file.write_text(f"[local]\n{shut}vllm-port = {port}\n[model]\n{named}")


def test_with_nothing_configured_a_server_on_this_machine_is_asked(project: Path) -> None:
    with ScriptedServer([Reply(HONEST)]) as server:
        on_this_machine(project, server)
        done = codefactory("repair", "app.py", "--format", "json", "--write", cwd=project)
        assert len(server.requests) == 1
    assert (project / "app.py").read_text() == REPAIRED
    assert json.loads(done.stdout)["models"][0]["name"] == "local/vllm/scripted"
    assert b"Model: local/vllm/scripted: found running: vLLM on port" in done.stderr


@pytest.mark.parametrize("more", [("--model", "none"), ("--safe-only",)])
def test_and_is_not_where_the_user_wants_none(project: Path, more: tuple[str, ...]) -> None:
    with ScriptedServer([]) as server:
        on_this_machine(project, server)
        done = codefactory("repair", "app.py", *more, cwd=project)
        assert server.requests == []
    assert b"Only deterministic fixes were tried." in done.stderr
    assert b"Model:" not in done.stderr


def test_the_embedded_model_by_its_name(project: Path) -> None:
    """The whole way: a process that is started for it, and gone with the command."""
    fake_llama.write_script(project.parent, {"text": HONEST})
    home = project.parent / "home"
    write_catalogue(home / "config" / "codefactory", entry())
    model = home / ".cache" / "codefactory" / "models" / "tiny.gguf"
    model.parent.mkdir(parents=True)
    model.write_bytes(CONTENT)
    host = fake_llama.command(project.parent)
    (home / "config" / "codefactory" / "config.toml").write_text(
        f'[local]\ndiscover = false\nhost = {json.dumps(host)}\n[model]\nname = "embedded/tiny"\n'
    )
    done = codefactory(
        "repair", "app.py", "--write", "--format", "json", cwd=project, XDG_CACHE_HOME=str(home / ".cache")
    )
    assert done.returncode == 0, done.stderr
    assert (project / "app.py").read_text() == REPAIRED
    (start,) = fake_llama.starts(project.parent)
    assert not fake_llama.is_alive(start["pid"])


def test_nothing_on_this_machine_is_said_in_one_sentence(project: Path) -> None:
    done = codefactory("repair", "app.py", "--format", "human", cwd=project)
    assert b"codefactory models pull qwen2.5-coder-1.5b" in done.stdout.replace(b"\n ", b"")
    assert (project / "app.py").read_text() == SOURCE
