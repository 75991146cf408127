"""`codefactory cost`, `models stats` and `repair --estimate`: what it costs, before and after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import codefactory, environment
from scripted_server import Failure, Reply, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "import json\n\n\ndef load(data):\n    return eval(data + '')\n\n\ndump = json.dumps\n"
SILENCED = "<<<<<<< SEARCH\n    return eval(data + '')\n=======\n    return eval(data + '')  # nosec\n>>>>>>> REPLACE\n"
HONEST = "<<<<<<< SEARCH\n    return eval(data + '')\n=======\n    return json.loads(data)\n>>>>>>> REPLACE\n"


MODEL = ("--model", "openai/gpt-4o-mini", "--api-base")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text(SOURCE)
    (root / "ruff.toml").write_text('lint.select = ["F"]\n')
    return root


def configure(project: Path, text: str) -> None:
    """The user's own settings."""
    home = environment(project.parent)
    file = project.parent / "home" / "config" / "codefactory" / "config.toml"
    assert home["XDG_CONFIG_HOME"] == str(file.parent.parent)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[local]\ndiscover = false\n" + text)


def run(project: Path, *arguments: str, code: int = 0) -> Any:
    done = codefactory(*arguments, "--format", "json", cwd=project)
    assert done.returncode == code, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_repair_is_in_the_ledger_by_day_model_workspace_and_run(project: Path) -> None:
    assert run(project, "cost")["rows"] == []
    with ScriptedServer([Reply(SILENCED, usage=(1000, 100)), Reply(HONEST, usage=(2000, 200))]) as server:
        file = run(project, "repair", "app.py", "--model", "openai/gpt-4o-mini", "--api-base", server.url)["files"][0]
    expected = 3000 * 0.15e-6 + 300 * 0.6e-6
    assert file["evidence"]["costUsd"] == pytest.approx(expected)
    assert file["evidence"]["rounds"][0]["prompts"] == ["repair-system 2", "secure-python 1", "repair-request 1"]
    for by, key in (("model", "openai/gpt-4o-mini"), ("workspace", str(project)), ("role", "improve")):
        data = run(project, "cost", "--by", by)
        (row,) = data["rows"]
        assert (row["key"], row["calls"], row["inputTokens"], row["outputTokens"]) == (key, 2, 3000, 300)
        assert row["costUsd"] == pytest.approx(expected)
    (row,) = run(project, "cost", "--by", "run")["rows"]
    assert row["key"].startswith("repair-")
    assert run(project, "cost", "--since", "2999-01-01")["rows"] == []
    assert run(project, "cost", "--workspace", str(project))["total"]["calls"] == 2
    said = codefactory("cost", cwd=project).stdout.decode()
    assert "3,000" in said
    assert "$0.0006" in said
    assert codefactory("cost", "--since", "yesterday", cwd=project).returncode == 2


def test_the_record_of_a_model(project: Path) -> None:
    assert run(project, "models", "stats")["models"] == []
    with ScriptedServer([Reply(SILENCED), Reply(HONEST)]) as server:
        run(project, "repair", "app.py", "--model", "openai/scripted", "--api-base", server.url)
    (record,) = run(project, "models", "stats")["models"]
    assert (record["role"], record["model"], record["replies"], record["accepted"]) == (
        "improve",
        "openai/scripted",
        2,
        1,
    )
    assert (record["rate"], record["roundsUntilAccepted"], record["costUsd"]) == (0.5, 2.0, None)
    assert "1 of 2" in codefactory("models", "stats", cwd=project).stdout.decode()


def test_the_limit_of_a_day_holds_over_runs(project: Path) -> None:
    configure(project, "[budget]\nmax_usd_per_day = 0.008\n")
    model = ("--model", "openai/gpt-4o-mini")
    with ScriptedServer([Reply(SILENCED, usage=(30_000, 3000), times=None)]) as server:
        first = run(project, "repair", "app.py", *model, "--api-base", server.url, "--max-rounds", "1")["files"][0]
        assert first["rounds"][0]["costUsd"] == pytest.approx(0.0063)
        second = run(project, "repair", "app.py", *model, "--api-base", server.url)["files"][0]
        assert len(server.requests) == 1
    assert "$0.0063 of the $0.01 for today are spent or set aside" in second["reason"]
    assert "codefactory.budget.maxUsdPerDay allows more" in second["reason"]
    assert "`codefactory cost --by day`" in second["reason"]


def test_the_same_request_is_paid_once(project: Path) -> None:
    with ScriptedServer([Reply(HONEST, usage=(1000, 100))]) as server:
        for _ in range(2):
            file = run(project, "repair", "app.py", "--model", "openai/gpt-4o-mini", "--api-base", server.url)["files"][
                0
            ]
        assert len(server.requests) == 1
    (round_,) = file["evidence"]["rounds"]
    assert (round_["costUsd"], round_["notes"]) == (0.0, ["The reply is from the cache: nothing was sent."])
    data = run(project, "cost")
    assert (data["total"]["calls"], data["total"]["replayed"]) == (2, 1)
    assert data["caveats"] == ["1 call was answered from the cache of replies and cost nothing."]


def test_a_route_of_the_settings_falls_back_and_says_so(project: Path) -> None:
    with ScriptedServer([Failure(404, "gone")]) as one, ScriptedServer([Reply(HONEST)]) as two:
        models = ", ".join(f'{{name = "openai/{n}", api_base = "{s.url}"}}' for n, s in (("one", one), ("two", two)))
        configure(project, f"[model.routes.improve]\nmodels = [{models}]\n")
        done = codefactory("repair", "app.py", "--format", "json", cwd=project)
    assert done.returncode == 0, done.stderr.decode()
    (round_,) = json.loads(done.stdout)["files"][0]["evidence"]["rounds"]
    assert (round_["model"], round_["accepted"]) == ("openai/two", True)
    assert "openai/one" in round_["notes"][0]
    assert "app.py: openai/one: the provider does not know this model" in " ".join(done.stderr.decode().split())


def test_an_untrusted_workspace_sets_no_route_no_price_and_no_limit(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.codefactory.model.routes.improve]\nmodels = ["openai/evil"]\n'
        "[tool.codefactory.budget]\nmax_usd = 1000.0\nmax_usd_per_day = 1000.0\n"
        '[[tool.codefactory.prices.models]]\nname = "openai/gpt-4o"\ninput = 0\noutput = 0\n'
    )
    done = codefactory("repair", "app.py", "--format", "json", cwd=project)
    data = json.loads(done.stdout)
    assert "rounds" not in data["files"][0] or data["files"][0]["rounds"] == []
    refused = [p["message"].split("`")[1] for p in data["problems"] if p["kind"] == "untrusted"]
    assert refused == ["model.routes", "budget.max_usd", "budget.max_usd_per_day", "prices.models"]


def test_an_estimate_asks_nobody(project: Path) -> None:
    with ScriptedServer([Reply(HONEST)]) as server:
        model = ("--model", "openai/gpt-4o-mini", "--api-base", server.url)
        data = run(project, "repair", "app.py", "--estimate", *model)
        done = codefactory("repair", "app.py", "--estimate", *model, cwd=project)
        asked = codefactory("repair", "app.py", "-f", "human", *model, cwd=project)
        assert len(server.requests) == 1
        sent = server.requests[0]
    (file,) = data["files"]
    estimate = file["estimate"]
    assert (file["path"], estimate["model"], estimate["rounds"]) == ("app.py", "openai/gpt-4o-mini", 3)
    assert estimate["cappedBy"] is None
    assert estimate["maxTokens"] == estimate["requestTokens"] * 3 + 1400 + 3 * 4096
    assert estimate["maxUsd"] == pytest.approx((estimate["requestTokens"] * 3 + 1400) * 0.15e-6 + 3 * 4096 * 0.6e-6)
    assert len(sent.prompt) / 4 <= estimate["requestTokens"] <= len(sent.prompt) / 2
    assert estimate["price"]["source"].startswith("litellm ")
    said = " ".join(done.stdout.decode().split())
    assert "app.py: Up to " in said
    assert "$0.15 per million tokens in, $0.6 out (litellm " in said
    assert f"Up to {estimate['maxTokens']:,} tokens" in " ".join(asked.stderr.decode().split())


def test_an_estimate_without_a_model_or_a_price(project: Path) -> None:
    done = codefactory("repair", "app.py", "--estimate", cwd=project)
    assert "No model is asked" in done.stdout.decode()
    done = codefactory("repair", "app.py", "--estimate", "--model", "openai/nobody-knows", cwd=project)
    assert "at an unknown cost" in " ".join(done.stdout.decode().split())
    configure(project, '[[prices.models]]\nname = "openai/nobody-knows"\ninput = 1\noutput = 2\n')
    done = codefactory("repair", "app.py", "--estimate", "--model", "openai/nobody-knows", cwd=project)
    assert "$1 per million tokens in, $2 out (your settings)" in " ".join(done.stdout.decode().split())
