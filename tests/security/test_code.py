"""What reaches code, and what code reaches, through a step's settings."""

# ruff: noqa: E501 the cases are a table

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.sandbox import choice
from codefactory.pipelines.sandbox.choice import Found

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = AccessPolicy()


async def run(settings: dict[str, Any], policy: AccessPolicy = NOTHING, inputs: dict[str, Any] | None = None) -> Any:
    """The step's output, or the error in the run's words."""
    declared = {name: {"type": "any"} for name in inputs or {}}
    definition = {"version": 1, "name": "p", "inputs": declared, "steps": {"a": {"type": "code", "with": settings}}}
    engine = Engine(policy=policy)
    try:
        result = await engine.run(loads(json.dumps(definition), "json", trusted=True).unwrap(), inputs or {})
    finally:
        engine.close()
    return str(result.error) if result.error else result.outputs["a"]


@pytest.fixture(autouse=True)
async def sandbox() -> None:
    if not any(found.sandbox for found in await choice.survey()):
        pytest.skip("no sandbox works here")


HOSTILE = "'); open('/tmp/x', 'w'); ('\"\"\"\n`${process.exit()}`{{ 7 * 7 }}\\u0000"


@pytest.mark.hostile("code-template", "an input that would become code, were code a template")
async def test_code_is_no_template() -> None:
    code = "output = '{{ inputs.x }}' + '{% raw %}'"
    assert await run({"code": code}, inputs={"x": "' + str(7 * 7) + '"}) == "{{ inputs.x }}{% raw %}"


@pytest.mark.parametrize("language", ["python", "javascript"])
@pytest.mark.hostile("code-input", "an input that ends the text it is put in, in every quoting")
async def test_inputs_are_data(language: str) -> None:
    code = {"python": "output = inputs['x']", "javascript": "return inputs.x"}[language]
    values = {"a": HOSTILE, "__proto__": {"x": 1}, "constructor": [None, True, 1.5]}
    assert (
        await run({"language": language, "code": code, "inputs": {"x": "{{ inputs.x }}"}}, inputs={"x": values})
        == values
    )


@pytest.mark.hostile("code-command-line", "an input that others can read on the command line")
async def test_inputs_are_not_on_the_command_line() -> None:
    code = """
import os, sys
found = [sys.argv, sys.orig_argv, dict(os.environ)]
output = "a-secret-value" in str(found), inputs["x"]
"""
    assert await run({"code": code, "inputs": {"x": "a-secret-value"}}) == [False, "a-secret-value"]


@pytest.mark.hostile("code-untrusted", "code in a definition that nobody has trusted")
def test_code_must_be_trusted() -> None:
    text = json.dumps({"version": 1, "name": "p", "steps": {"a": {"type": "code", "with": {"code": "1"}}}})
    assert "must be trusted first" in str(loads(text, "json").findings)


@pytest.mark.hostile("code-folders", "folders that the policy does not allow, by `..` and by symlinks too")
async def test_folders_are_the_policys(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    policy = AccessPolicy(read=(inside,), write=(inside,))
    for path in (str(outside), f"{inside}/../outside", f"{inside}/link", "/", "/etc"):
        assert "may not be read" in await run({"code": "1", "read": [path]}, policy)
        assert "may not be changed" in await run({"code": "1", "write": [path]}, policy)
    assert "not an absolute path" in await run({"code": "1", "read": ["inside"]}, policy)


@pytest.mark.hostile("code-protected", "a folder with a repository in it, whose hooks the code would write")
async def test_what_is_protected_is_not_given_away(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    said = await run({"code": "1", "write": [str(tmp_path)]}, AccessPolicy(write=(tmp_path,)))
    assert "holds `.git`, which the policy protects" in said


@pytest.mark.hostile("code-environment", "an environment variable that the policy does not allow")
async def test_variables_are_the_policys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "x")
    monkeypatch.setenv("A_NAME", "y")
    policy = AccessPolicy(environment=("A_NAME",))
    assert "`A_TOKEN` may not be seen" in await run({"code": "1", "environment": ["A_TOKEN"]}, policy)
    code = "import os\noutput = [os.environ.get('A_TOKEN'), os.environ.get('A_NAME')]"
    assert await run({"code": code, "environment": ["A_NAME"]}, policy) == [None, "y"]


@pytest.mark.hostile("code-interpreter", "a program of the definition's choice as the interpreter")
async def test_interpreters_are_the_policys() -> None:
    assert "`/bin/sh` may not run" in await run({"code": "1", "interpreter": "/bin/sh"})


@pytest.mark.hostile("code-limits", "limits above those of the policy")
async def test_limits_are_the_policys() -> None:
    policy = AccessPolicy(max_output_bytes=1000, max_file_bytes=1000)
    assert "the policy allows 1,000" in await run({"code": "1", "output_bytes": 2000}, policy)
    assert "(output limit)" in await run({"code": "print('x' * 2000)"}, policy)
    assert "File too large" in await run(
        {"code": "open('f', 'wb', 0).write(b'x' * 5000); open('f', 'ab', 0).write(b'x')"}, policy
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\nfor n in range(3, 40):\n    try: os.write(n, b'{\"output\": 1} {')\n    except OSError: pass", "without giving a result"),
        ("output = []\nfor _ in range(100_000): output = [output]", "no JSON form"),
        ("output = float('nan')", "no JSON form"),
        ("output = 'x' * 11_000_000", "(output limit)"),
        ("import os; os._exit(0)", "without giving a result"),
    ],
    ids=["garbage", "deep", "nan", "huge", "none"],
)  # fmt: skip
@pytest.mark.hostile("code-result", "a result that is no JSON, has no end, or is forged")
async def test_results_are_checked(code: str, said: str) -> None:
    assert said in await run({"code": code})


@pytest.mark.hostile("code-without-sandbox", "code where there is no sandbox")
async def test_without_a_sandbox_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_survey", (Found("bubblewrap", None, "the program bwrap is not installed"),))
    said = await run({"code": "output = 1"})
    assert "no sandbox works here (bubblewrap: the program bwrap is not installed)" in said
    assert 'set `policy.sandbox = "none"`' in said
    assert await run({"code": "output = 1"}, AccessPolicy(sandbox="none")) == 1


@pytest.mark.hostile(
    "code-shadowed-modules", "a module in the working folder or in PYTHONPATH in place of a standard one"
)
async def test_modules_are_the_interpreters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    policy = AccessPolicy(read=(tmp_path,), environment=("PYTHONPATH",))
    settings = {"code": "import json\noutput = json.dumps(1)", "read": [str(tmp_path)], "environment": ["PYTHONPATH"]}
    assert await run(settings, policy) == "1"
