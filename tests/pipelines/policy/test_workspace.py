"""Settings, trust and a user's own gestures become the policy of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.policy.workspace import PolicySettings, Widening, policy_for
from codefactory.pipelines.settings import Layer, resolve

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = PolicySettings()


def merged(*layers: Layer, trusted: bool = True, root: Path) -> AccessPolicy:
    settings, _ = resolve(layers)
    return policy_for(root, settings.policy, settings.narrowing, trusted=trusted)


def test_trusted_definitions_work_in_their_workspace_and_others_touch_nothing(tmp_path: Path) -> None:
    trusted = policy_for(tmp_path, NOTHING, NOTHING, trusted=True)
    assert (trusted.read, trusted.write) == ((tmp_path,), (tmp_path,))
    assert (trusted.hosts, trusted.commands, trusted.secrets, trusted.sandbox) == ((), (), (), "required")
    assert policy_for(tmp_path, NOTHING, NOTHING, trusted=False) == AccessPolicy(models=())


def test_what_the_user_allows_in_general_is_not_for_strangers(tmp_path: Path) -> None:
    user = PolicySettings(hosts=("api.example.com",), commands=("git",), secrets=("*",), sandbox="none")
    assert policy_for(tmp_path, user, NOTHING, trusted=True).hosts == ("api.example.com",)
    assert policy_for(tmp_path, user, NOTHING, trusted=False) == AccessPolicy(models=())


def test_an_option_adds_for_one_run(tmp_path: Path) -> None:
    widening = Widening(
        (tmp_path / "data",), (), ("api.example.com", "localhost:8080", "10.0.0.1"), ("git",), ("token",)
    )
    policy = policy_for(tmp_path, NOTHING, NOTHING, trusted=False, widening=widening)
    assert policy.read == (tmp_path / "data",)
    assert policy.hosts == ("api.example.com", "localhost:8080", "10.0.0.1")
    assert policy.private_hosts == ("localhost:8080", "10.0.0.1")
    assert (policy.commands, policy.secrets) == (("git",), ("token",))


def test_a_workspace_narrows(tmp_path: Path) -> None:
    user = Layer("config.toml", {"policy": {"hosts": ["*.example.com"], "max_usd": 5}}, user=True)
    own = {"policy": {"hosts": ["api.example.com", "evil.org"], "read": ["src"], "max-usd": 9, "protected": ["db"]}}
    policy = merged(user, Layer("pyproject.toml", own), root=tmp_path)
    assert policy.hosts == ("api.example.com",)
    assert policy.read == (tmp_path / "src",)
    assert policy.max_usd == 5
    assert {"db", ".git"} <= set(policy.protected)


@pytest.mark.parametrize("values", [{"sandbox": "none"}, {"read": "/"}, {"hostss": ["a"]}])
def test_what_is_not_valid_is_said(values: dict[str, Any]) -> None:
    settings, problems = resolve([Layer("pyproject.toml", {"policy": values})])
    assert settings.narrowing == NOTHING
    assert len(problems) == 1
