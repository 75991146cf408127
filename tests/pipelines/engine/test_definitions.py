"""Definitions: what they give when they run, and what is said, and where, when they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codefactory.pipelines.definitions import load, load_source, loads, located
from codefactory.pipelines.definitions.registry import Registry, StepType
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.definitions.steps.set import SetConfig
from codefactory.pipelines.engine import Engine, RunResult

HEAD = "version: 1\nname: p\n"


async def outcome(text: str, inputs: dict[str, Any] | None = None, **options: Any) -> RunResult:
    return await Engine().run(loads(text, **options).unwrap(), inputs or {})


def cases(file: str) -> list[tuple[str, dict[str, Any], list[str]]]:
    """Definition, inputs after `<<<`, what is expected after `>>>`; a line `===` between two cases."""
    found: list[tuple[str, dict[str, Any], list[str]]] = []
    for case in (Path(__file__).parent / file).read_text().split("===\n"):
        lines = case.splitlines()
        inputs = next((json.loads(line[4:]) for line in lines if line.startswith("<<< ")), {})
        expected = [line[4:] for line in lines if line.startswith(">>> ")]
        text = "\n".join(line for line in lines if not line.startswith(("<<< ", ">>> ")))
        found.append((text, inputs, expected))
    return found


@pytest.mark.parametrize(("text", "inputs", "expected"), cases("definitions_that_run.txt"))
async def test_a_definition_does_what_it_says(text: str, inputs: dict[str, Any], expected: list[str]) -> None:
    assert (await outcome(text, inputs)).unwrap() == json.loads(expected[0])


@pytest.mark.parametrize(("text", "_inputs", "expected"), cases("definitions_that_are_wrong.txt"))
def test_what_is_wrong_is_said_with_its_place(text: str, _inputs: Any, expected: list[str]) -> None:
    loaded = loads(text)
    assert loaded.plan is None
    assert [located(f, "")[1:] for f in loaded.findings] == expected


def test_json_says_the_same_in_its_own_places() -> None:
    step = '{"a": {"type": "set",\n\t\t"with": {"value": "{{ steps.b.output }}"}}}'
    text = f'{{\n\t"version": 1,\n\t"name": "p",\n\t"steps": {step}\n}}'
    assert [located(f, "p.json") for f in loads(text, "json", name="p.json").findings] == [
        "p.json:5:21: `steps.b` names no step; there is `a`. [unknown-step]"
    ]
    assert [located(f, "p") for f in loads('{"a": 1, "a": 2}', "json").findings] == [
        "p:1:10: `a` is given twice. [syntax-error]"
    ]
    assert "p:2:1: not valid JSON" in located(loads('{"a": 1,\n', "json").findings[0], "p")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\n"
        + "".join(f"c{i}: &{chr(99 + i)} [*{chr(98 + i)}, *{chr(98 + i)}]\n" for i in range(20)),
        "a: &a [*a]",
        "[" * 5000,
        "x" * 6_000_000,
        '{"a":' * 5000,
    ],
    ids=["billion laughs", "recursive", "deep", "huge", "deep mapping"],
)
def test_hostile_texts_are_findings(text: str) -> None:
    for format_ in ("yaml", "json"):
        assert [f.code for f in loads(text, format_).findings] == ["syntax-error"]


async def test_a_trusted_definition_may_call_functions() -> None:
    text = HEAD + "steps: {a: {type: function, with: {call: 'json:dumps', arguments: {obj: [1]}}}}"
    assert (await outcome(text, trusted=True)).output == "[1]"
    missing = await outcome(text.replace("json:dumps", "json:dumsp"), trusted=True)
    assert "`json:dumsp` cannot be found" in str(missing.error)
    wrong = await outcome(text.replace("obj:", "objekt:"), trusted=True)
    assert "`json:dumps`: missing a required argument: 'obj'" in str(wrong.error)


def test_nested_files_stay_in_the_folder_and_may_not_contain_each_other(tmp_path: Path) -> None:
    step = "steps: {{a: {{type: pipeline, with: {{path: {}}}}}}}"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.yaml").write_text(HEAD + step.format("two.yaml"))
    (tmp_path / "sub" / "two.yaml").write_text(HEAD + step.format("one.yaml"))
    (tmp_path / "sub" / "out.yaml").write_text(HEAD + step.format("../secret.yaml"))
    (tmp_path / "secret.yaml").write_text(HEAD)
    assert (
        "pipelines contain each other: one.yaml → two.yaml → one.yaml"
        in load(tmp_path / "sub" / "one.yaml").findings[0].message
    )
    assert (
        "`../secret.yaml` is outside of the pipeline's folder"
        in load(tmp_path / "sub" / "out.yaml").findings[0].message
    )
    assert "cannot be read" in load(tmp_path / "none.yaml").findings[0].message


def test_each_file_is_trusted_by_its_own_content(tmp_path: Path) -> None:
    """A trusted pipeline cannot run code of a file beside it that nobody has trusted."""
    outer, inner = tmp_path / "outer.yaml", tmp_path / "inner.yaml"
    outer.write_text(HEAD + "steps: {a: {type: pipeline, with: {path: inner.yaml}}}")
    inner.write_text(HEAD + "steps: {a: {type: function, with: {call: 'os:getcwd'}}}")
    known = {outer.read_bytes()}
    assert [f.code for f in load(outer, trusted=lambda _path, data: data in known).findings] == ["untrusted"]
    known.add(inner.read_bytes())
    assert load(outer, trusted=lambda _path, data: data in known).plan is not None
    inner.write_text(inner.read_text().replace("getcwd", "getpid"))
    assert load(outer, trusted=lambda _path, data: data in known).plan is None
    assert load(outer, trusted=True).plan is not None


async def test_the_kept_source_is_the_whole_pipeline(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        HEAD + "inputs: {n: integer}\nsteps: {x: {type: set, with: {value: '{{ inputs.n }}'}}}"
    )
    (tmp_path / "outer.yaml").write_text(
        HEAD + "steps: {a: {type: pipeline, with: {path: inner.yaml, inputs: {n: 5}}}}"
    )
    plan = load(tmp_path / "outer.yaml").unwrap()
    assert plan.source is not None
    again = load_source(plan.source)
    assert again.version == plan.version
    assert (await Engine().run(again)).outputs == {"a": {"x": 5}}
    (tmp_path / "inner.yaml").write_text(HEAD + "inputs: {n: integer}\nsteps: {y: {type: set, with: {value: 1}}}")
    assert load(tmp_path / "outer.yaml").unwrap().version != plan.version


async def test_types_of_steps_can_be_added() -> None:
    async def twice(config: SetConfig, _ctx: Any) -> Any:
        return [config.value] * 2

    registry = Registry(BUILT_IN)
    registry.register(StepType("twice", SetConfig, twice, "Twice."))
    with pytest.raises(ValueError, match="there is a step type `set` already"):
        registry.register(StepType("set", SetConfig, twice, "Not this."))
    text = HEAD + "steps: {a: {type: twice, with: {value: x}}}"
    assert (await outcome(text, registry=registry)).output == ["x", "x"]


async def test_a_setting_that_an_expression_gets_wrong_fails_the_step() -> None:
    result = await outcome(
        HEAD
        + "steps: {a: {type: map, with: {over: [1], limit: '{{ 0 - 1 }}', steps: {b: {type: set, with: {value: 1}}}}}}"
    )
    assert str(result.error) == (
        "step `a` failed (fatal): its setting `limit` is not valid: Input should be greater than or equal to 1"
    )


def test_json_and_yaml_make_the_same_plan() -> None:
    data = {"version": 1, "name": "p", "steps": {"a": {"type": "set", "with": {"value": "{{ run.id }}"}}}}
    one, other = loads(json.dumps(data), "json").unwrap(), loads(json.dumps(data), "yaml").unwrap()
    assert one.version == other.version
