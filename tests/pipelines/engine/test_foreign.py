"""Import of `workflow:` pipelines: every type of step, and every loss named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codefactory.pipelines.definitions import loads, located
from codefactory.pipelines.definitions.foreign import import_workflow
from codefactory.pipelines.definitions.foreign.steps import LEAVES, LOOPS
from codefactory.pipelines.definitions.source import SourceError
from codefactory.pipelines.engine import Engine


def imported(steps: str, head: str = "") -> tuple[dict[str, Any], list[str]]:
    """Our steps, and what was lost."""
    text = f"workflow:\n  name: w\n{head}  steps:\n" + "".join(f"    {line}\n" for line in steps.splitlines())
    result = import_workflow(text)
    return result.data["steps"], [located(f, "")[1:] for f in result.findings]


ECHO = "- {name: first step, type: test_echo, value: hello}\n"


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ("- {name: a, type: test_echo, value: hi}", {"type": "set", "with": {"value": "hi"}}),
        (
            "- {name: a, type: claude, prompt: [{type: static, content: Hello}]}",
            {"type": "prompt", "with": {"prompt": "Hello", "model": "claude"}},
        ),
        (
            ECHO
            + "- {name: b, type: gemini, model: gemini-2.5-flash, \n"
            + "   token_budget: {max_output_tokens: 9, temperature: 0.1},\n"
            + "   prompt: [{type: static, content: On}, {type: previous_response, step: first step, extract: x}]}",
            {
                "type": "prompt",
                "with": {
                    "prompt": "On\n\n{{ steps.first_step.output.x }}",
                    "model": "gemini-2.5-flash",
                    "max_tokens": 9,
                    "temperature": 0.1,
                },
                "needs": ["first_step"],
            },
        ),
        (
            "- {name: a, type: claude, prompt: [{type: file, path: src/app.py}]}",
            {"type": "prompt", "with": {"prompt": "{{ inputs.file_src_app_py }}", "model": "claude"}},
        ),
        (
            "- {name: a, type: claude_smart, prompt: x}",
            {"type": "prompt", "with": {"prompt": "x", "model": "claude"}},
        ),
        (
            "- {name: a, type: claude_extract, prompt: x, extraction_config: {format: json}}",
            {"type": "prompt", "with": {"prompt": "x", "model": "claude", "schema": {"type": "object"}}},
        ),
        (
            "- {name: a, type: claude_robust, prompt: x, retry_config: {max_retries: 2}}",
            {"type": "prompt", "with": {"prompt": "x", "model": "claude"}, "retry": {"attempts": 3}},
        ),
        (
            "- {name: a, type: gemini_instructor, prompt: x, schema: {type: array}}",
            {"type": "prompt", "with": {"prompt": "x", "model": "gemini", "schema": {"type": "array"}}},
        ),
        (
            "- {name: a, type: claude_batch, tasks: [{prompt: x}, {prompt: y}], batch_config: {max_parallel: 2}}",
            {
                "type": "map",
                "with": {
                    "over": ["x", "y"],
                    "limit": 2,
                    "steps": {"ask": {"type": "prompt", "with": {"prompt": "{{ item }}", "model": "claude"}}},
                },
            },
        ),
        (
            "- {name: a, type: parallel_claude, parallel_tasks: [{id: one, prompt: x}]}",
            {
                "type": "map",
                "with": {
                    "over": ["x"],
                    "limit": 1,
                    "steps": {"ask": {"type": "prompt", "with": {"prompt": "{{ item }}", "model": "claude"}}},
                },
            },
        ),
        (
            (
                "- {name: v, type: set_variable, variables: {n: 3}}\n- {name: b, type: test_echo, "
                "value: 'n={{n}} {{state.n}}'}"
            ),
            {"type": "set", "with": {"value": "n={{ steps.v.output.n }} {{ steps.v.output.n }}"}, "needs": ["v"]},
        ),
        (
            (
                ECHO + "- {name: t, type: data_transform, input_source: 'previous_response:first step', "
                "operations: [{operation: sort}]}"
            ),
            {
                "type": "transform",
                "with": {"input": "{{ steps.first_step.output }}", "operations": [{"operation": "sort"}]},
                "needs": ["first_step"],
            },
        ),
        (
            "- {name: f, type: file_ops, operation: copy, source: a.txt, destination: b.txt}",
            {"type": "file", "with": {"operation": "copy", "path": "a.txt", "to": "b.txt"}},
        ),
        (
            (
                "- {name: l, type: for_loop, iterator: file, data_source: [a, b], steps: [{name: e, "
                "type: test_echo, value: '{{file}}'}]}"
            ),
            {
                "type": "loop",
                "with": {
                    "for": ["a", "b"],
                    "collect": True,
                    "limit": 2,
                    "steps": {"e": {"type": "set", "with": {"value": "{{ item }}"}}},
                },
            },
        ),
        (
            (
                "- {name: l, type: while_loop, condition: 'inputs.go', max_iterations: 3, "
                "steps: [{name: e, type: test_echo, value: x}]}"
            ),
            {
                "type": "loop",
                "with": {
                    "limit": 3,
                    "at_limit": "stop",
                    "while": "inputs.go",
                    "steps": {"e": {"type": "set", "with": {"value": "x"}}},
                },
            },
        ),
    ],
)  # fmt: skip
def test_each_type_of_step_has_its_counterpart(steps: str, last: dict[str, Any]) -> None:
    made, lost = imported(steps)
    assert (list(made.values())[-1], lost) == (last, [])


def test_no_type_is_forgotten() -> None:
    named = (
        "claude gemini claude_smart claude_session claude_extract claude_batch claude_robust parallel_claude "
        "gemini_instructor set_variable data_transform file_ops for_loop while_loop pipeline test_echo"
    )
    assert {*LEAVES, *LOOPS} == set(named.split())


@pytest.mark.parametrize(
    ("steps", "lost"),
    [
        (
            "- {name: a, type: claude_smart, preset: dev, prompt: x}",
            "the preset `dev` is left out: choose the model and options it stood for.",
        ),
        ("- {name: a, type: claude_session, prompt: x}", "the session's earlier turns are not sent"),
        (
            "- {name: a, type: claude, prompt: x, claude_options: {max_turns: 3}}",
            "the option `max_turns` has no counterpart",
        ),
        ("- {name: a, type: claude, prompt: x, color: red}", "`color` has no counterpart and is left out."),
        ("- {name: a, type: claud, prompt: x}", "`claud` is no known type of step; did you mean `claude`?"),
        ("- {name: a, type: test_echo, value: '{{ nothing }}'}", "`nothing` is not known at this place"),
        ("- {name: a, type: test_echo, value: '{{ state.x }}'}", "the variable `x` is not set before it is used here."),
        ("- {name: a, type: claude, prompt: [{type: session_context}]}", "a prompt's part of type `session_context`"),
        (
            "- {name: a, type: claude, prompt: [{type: previous_response, step: b}]}",
            "the step `b` is not before this one.",
        ),
        ("- {name: a, type: test_echo, value: 1, condition: {strange: [1]}}", "this condition cannot be translated"),
        ("- {name: a, type: file_ops, operation: convert}", "the file operation `convert` has no counterpart."),
        ("- {name: a, type: pipeline, pipeline_file: other.yaml}", "import `other.yaml` too"),
        ("- {name: a, type: gemini, prompt: x, functions: [f]}", "the function `f` is not defined in the file."),
        ("- just a text", "this is no step"),
        (
            "- {name: a, type: while_loop, condition: 'b.done', steps: [{name: b, type: test_echo, value: x}]}",
            "looked at after each round",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_a_finding(steps: str, lost: str) -> None:
    _, findings = imported(steps)
    assert any(lost in f for f in findings), findings
    assert all(f.startswith(tuple("123456789")) for f in findings)


def test_steps_with_files_and_data_are_valid_once_imported() -> None:
    steps = (
        ECHO
        + "- {name: r, type: file_ops, operation: read, path: a.txt}\n"
        + "- {name: c, type: file_ops, operation: copy, source: a.txt, destination: b.txt}\n"
        + "- {name: w, type: file_ops, operation: write, path: c.txt, content: '{{r}}'}\n"
        + "- {name: l, type: file_ops, operation: list, path: ., pattern: '*.txt'}\n"
        + "- {name: t, type: data_transform, input_source: 'previous_response:r', operations: "
        + "[{operation: filter, field: items, condition: \"kind == 'x'\"}, {operation: sort}]}"
    )
    made, findings = imported(steps)
    assert findings == []
    definition = {"version": 1, "name": "w", "steps": made}
    assert [f.message for f in loads(json.dumps(definition), "json").findings] == []


def test_a_condition_that_is_not_understood_switches_the_step_off() -> None:
    made, _ = imported("- {name: a, type: test_echo, value: 1, condition: {strange: [1]}}")
    assert made["a"]["when"] is False


@pytest.mark.parametrize(
    ("condition", "ours"),
    [
        (
            "first.score > 3 && first.kind = 'x y'",
            "steps.first.output.score > 3  and  steps.first.output.kind == 'x y'",
        ),
        ("{{ first.result.ok }}", "steps.first.output.ok"),
        ({"and": ["first.a", {"not": "first.b"}]}, "(steps.first.output.a) and (not (steps.first.output.b))"),
        ({"field": "first.a", "operator": "contains", "value": "x"}, '"x" in steps.first.output.a'),
        (True, True),
    ],
)
def test_conditions_become_expressions(condition: Any, ours: Any) -> None:
    import json

    made, lost = imported(
        f"- {{name: first, type: test_echo, value: 1}}\n- {{name: b, type: test_echo, value: 1, "
        f"condition: {json.dumps(condition)}}}"
    )
    assert (made["b"]["when"], lost) == (ours, [])


async def test_what_needs_no_model_runs_as_it_did() -> None:
    text = """
workflow:
  name: numbers
  steps:
    - name: start
      type: set_variable
      variables: {names: [ada, bob], greeting: Hello}
    - name: greet all
      type: for_loop
      iterator: name
      data_source: "{{names}}"
      parallel: true
      steps:
        - {name: greet, type: test_echo, value: "{{greeting}} {{name}}"}
    - name: never
      type: test_echo
      condition: "start.names == 'x'"
      value: no
    - name: end
      type: test_echo
      prompt:
        - {type: static, content: "Done:"}
        - {type: previous_response, step: greet all}
    - name: nested
      type: pipeline
      pipeline: {name: inner, steps: [{name: x, type: test_echo, value: inside}]}
"""
    result = import_workflow(text)
    assert [f.message for f in result.findings] == []
    run = await Engine().run(loads(result.text).unwrap())
    assert run.unwrap() == {"nested": {"x": "inside"}}


@pytest.mark.parametrize("text", ["steps: []", "workflow: 3", "[1]", "workflow: {steps: {}}"])
def test_what_is_no_workflow_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="no foreign pipeline"):
        import_workflow(text)
