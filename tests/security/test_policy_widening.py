"""A workspace can take away from what steps may touch, never add to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from codefactory.pipelines import project, trust
from codefactory.pipelines.engine import Context, Engine, Graph
from codefactory.pipelines.policy import DENY_ALL, AccessPolicy, narrowed
from codefactory.pipelines.policy.workspace import policy_for
from codefactory.pipelines.store import Store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "project"
    root.mkdir()
    return root


def with_settings(root: Path, text: str, *, trusted: bool) -> AccessPolicy:
    """The policy of a trusted definition, in a workspace with these settings."""
    (root / "pyproject.toml").write_text(text)
    if trusted:
        trust.trust(root / "pyproject.toml")
    settings = project.load(root).settings
    return policy_for(root, settings.policy, settings.narrowing, trusted=True)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    ("setting", "field"),
    [
        pytest.param(
            "read = ['/', '~', '..']",
            "read",
            marks=pytest.mark.hostile("policy-workspace-read", "the workspace's settings add folders to read"),
        ),
        pytest.param(
            "write = ['/tmp', '../..']",
            "write",
            marks=pytest.mark.hostile("policy-workspace-write", "the workspace's settings add folders to write"),
        ),
        pytest.param(
            "hosts = ['*', 'evil.example']",
            "hosts",
            marks=pytest.mark.hostile("policy-workspace-hosts", "the workspace's settings add hosts"),
        ),
        pytest.param(
            "private-hosts = ['*', '127.0.0.1']",
            "private_hosts",
            marks=pytest.mark.hostile("policy-workspace-private", "the workspace's settings add private hosts"),
        ),
        pytest.param(
            "commands = ['sh', 'curl']",
            "commands",
            marks=pytest.mark.hostile("policy-workspace-commands", "the workspace's settings add programs"),
        ),
        pytest.param(
            "environment = ['*']",
            "environment",
            marks=pytest.mark.hostile("policy-workspace-environment", "the workspace's settings add variables"),
        ),
        pytest.param(
            "secrets = ['*']",
            "secrets",
            marks=pytest.mark.hostile("policy-workspace-secrets", "the workspace's settings add secrets"),
        ),
        pytest.param(
            "protected = []",
            "protected",
            marks=pytest.mark.hostile("policy-workspace-protected", "the workspace's settings unprotect .git"),
        ),
        pytest.param(
            "sandbox = 'none'",
            "sandbox",
            marks=pytest.mark.hostile("policy-workspace-sandbox", "the workspace's settings turn the sandbox off"),
        ),
        pytest.param(
            "max-usd = 1e9\nmax-file-bytes = 999999999999\nmax-output-bytes = 999999999999",
            "max_file_bytes",
            marks=pytest.mark.hostile("policy-workspace-limits", "the workspace's settings raise limits"),
        ),
        pytest.param(
            "stepTypes = ['*']\nmodels = ['*']",
            "models",
            marks=pytest.mark.hostile("policy-workspace-models", "the workspace's settings add models and step types"),
        ),
    ],
)
def test_no_setting_of_a_workspace_widens(folder: Path, setting: str, field: str, trusted: bool) -> None:
    config = folder.parent / "config" / "codefactory"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        "[policy]\nhosts = ['api.example.com']\nmodels = ['openai/*']\nmaxUsd = 2\nmax-file-bytes = 1000\n"
    )
    before = with_settings(folder, "", trusted=False)
    after = with_settings(folder, f"[tool.codefactory.policy]\n{setting}\n", trusted=trusted)
    assert narrowed(before, after) == after
    if field not in ("read", "write", "hosts"):
        assert getattr(after, field) == getattr(before, field)
    assert after.refuse_host("evil.example", 443) is not None
    assert after.refuse_read(Path("/etc/passwd")) is not None


@pytest.mark.hostile("policy-workspace-secret-place", "the workspace's settings say where a secret is")
@pytest.mark.parametrize("trusted", [False, True])
def test_a_workspace_cannot_say_where_a_secret_is(folder: Path, trusted: bool) -> None:
    (folder / "pyproject.toml").write_text("[tool.codefactory.secrets.github]\ncommand = ['touch', 'ran']\n")
    if trusted:
        trust.trust(folder / "pyproject.toml")
    loaded = project.load(folder)
    assert loaded.settings.secrets == {}
    assert "can only be set in your own config.toml" in loaded.problems[0].message


@pytest.mark.hostile("policy-untrusted-definition", "a definition of a stranger's uses what the user allows in general")
def test_a_strangers_definition_gets_nothing_of_it(folder: Path) -> None:
    config = folder.parent / "config" / "codefactory"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[policy]\nhosts = ['*']\ncommands = ['sh']\nread = ['/']\n")
    settings = project.load(folder).settings
    assert policy_for(folder, settings.policy, settings.narrowing, trusted=False) == AccessPolicy(models=())


async def policies_seen(policy: AccessPolicy | None, folder: Path, change: Any) -> list[AccessPolicy]:
    seen: list[AccessPolicy] = []

    async def note(ctx: Context) -> None:
        seen.append(ctx.policy)
        if len(seen) == 1:
            raise ValueError("once")

    plan = Graph("g").add_node("a", note).compile()
    with Store(folder) as store:
        first = await Engine(store).run(plan, policy=AccessPolicy(hosts=("a.com",)))
    change(folder)
    with Store(folder) as store:
        await Engine(store).resume(first.run_id, plan, policy=policy)
    return seen


@pytest.mark.hostile("policy-store-grants", "the kept policy of a run is edited in the store, and the run resumed")
async def test_a_store_that_was_edited_grants_nothing(tmp_path: Path) -> None:
    def edit(folder: Path) -> None:
        connection = sqlite3.connect(folder / "runs.db")
        connection.execute('update run set policy=\'{"hosts":["*"],"read":["/"],"commands":["sh"]}\'')
        connection.commit()
        connection.close()

    now = AccessPolicy(hosts=("a.com",))
    assert (await policies_seen(now, tmp_path / "one", edit))[1] == now
    assert (await policies_seen(None, tmp_path / "two", edit))[1] == DENY_ALL


@pytest.mark.hostile("policy-resume-widens", "a run is resumed with a wider policy than it began with")
async def test_resuming_widens_nothing(tmp_path: Path) -> None:
    wide = AccessPolicy(hosts=("*",), commands=("sh",), read=(Path("/"),), sandbox="none")
    seen = await policies_seen(wide, tmp_path / "s", lambda _folder: None)
    assert seen[1] == AccessPolicy(hosts=("a.com",))


@pytest.mark.hostile("policy-own-files", "a folder that is allowed contains our own settings, trust and audit log")
def test_no_step_touches_our_own_files(folder: Path) -> None:
    home = folder.parent
    policy = AccessPolicy(read=(home,), write=(home,))
    for path in (home, home / "config/codefactory/trust.json", home / "data/codefactory/questions/x.json"):
        assert "Code Factory's own" in (policy.refuse_read(path) or "")
        assert "Code Factory's own" in (policy.refuse_write(path) or "")
    assert policy.refuse_read(home / "config" / "other") is None
