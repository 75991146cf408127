"""One function a type of foreign step: what stands under `type` and `with` in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.values import is_list, is_mapping

from .text import chain, condition, expression, prompt, template, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notes import Notes, Where

Step = dict[str, Any]
Body = "Callable[[list[Any], Notes, Where], dict[str, Any]]"


def model_step(step: Step, notes: Notes, where: Where) -> Step:
    """The steps that ask a model once."""
    kind = str(step["type"])
    settings: Step = {"prompt": prompt(step.get("prompt", ""), notes, (*where, "prompt"))}
    provider = "gemini" if kind.startswith("gemini") else "claude"
    settings["model"] = str(step.get("model", provider))
    options: Any = step.get("claude_options") or {}
    for theirs, ours in (("system_prompt", "system"), ("max_tokens", "max_tokens"), ("temperature", "temperature")):
        if theirs in options:
            settings[ours] = value(options[theirs], notes, (*where, "claude_options", theirs))
    for key in options:
        if key not in ("system_prompt", "max_tokens", "temperature"):
            notes.lost(f"the option `{key}` has no counterpart and is left out.", (*where, "claude_options", str(key)))
    budget: Any = step.get("token_budget") or {}
    for theirs, ours in (("max_output_tokens", "max_tokens"), ("temperature", "temperature")):
        if theirs in budget:
            settings[ours] = budget[theirs]
    schema: Any = step.get("schema") or step.get("output_schema") or step.get("response_schema")
    if schema is not None:
        settings["schema"] = schema
    if step.get("functions"):
        settings["tools"] = list(step["functions"])
        if unknown := [f for f in settings["tools"] if f not in notes.functions]:
            notes.lost(
                f"the function `{unknown[0]}` is not defined in the file.", (*where, "functions"), severity="high"
            )
    return {"type": "prompt", "with": settings}


MODEL_KEYS = {
    "prompt",
    "model",
    "claude_options",
    "token_budget",
    "schema",
    "output_schema",
    "response_schema",
    "functions",
}


def smart(step: Step, notes: Notes, where: Where) -> Step:
    if "preset" in step:
        notes.lost(
            f"the preset `{step['preset']}` is left out: choose the model and options it stood for.", (*where, "preset")
        )
    return model_step(step, notes, where)


def session(step: Step, notes: Notes, where: Where) -> Step:
    notes.lost(
        "the session's earlier turns are not sent: refer to the steps whose answers matter.", where, severity="high"
    )
    return model_step(step, notes, where)


def extract(step: Step, notes: Notes, where: Where) -> Step:
    settings: Any = step.get("extraction_config") or {}
    made = model_step(step, notes, where)
    if settings:
        wanted = settings.get("format", "text")
        if wanted in ("json", "structured"):
            made["with"].setdefault("schema", {"type": "object"})
        for key in settings:
            if key != "format":
                notes.lost(f"`{key}` of the extraction is left out.", (*where, "extraction_config", str(key)))
    return made


def robust(step: Step, notes: Notes, where: Where) -> Step:
    made = model_step(step, notes, where)
    retry: Any = step.get("retry_config") or {}
    made["retry"] = {"attempts": int(retry.get("max_retries", 3)) + 1}
    if retry.get("backoff_strategy") not in (None, "exponential"):
        notes.lost("waits grow exponentially in the result.", (*where, "retry_config", "backoff_strategy"))
    if "fallback_action" in retry:
        notes.lost(
            "the fallback is left out; give the step `on_error`.",
            (*where, "retry_config", "fallback_action"),
            severity="high",
        )
    return made


def batch(step: Step, notes: Notes, where: Where) -> Step:
    """Many prompts, some at once: a map over them."""
    key = (
        "parallel_tasks"
        if step["type"] == "parallel_claude"
        else next((k for k in ("tasks", "prompts") if k in step), "tasks")
    )
    tasks: Any = step.get(key) or []
    prompts = [
        prompt(task.get("prompt", task) if is_mapping(task) else task, notes, (*where, key, i))
        for i, task in enumerate(tasks)
    ]
    for i, task in enumerate(tasks):
        if is_mapping(task):
            notes.leftovers(task, {"prompt", "id", "name"}, (*where, key, i))
    settings: Any = step.get("batch_config") or {}
    inner = model_step(
        {"type": "claude", **{k: step[k] for k in ("model", "claude_options") if k in step}}, notes, where
    )
    inner["with"]["prompt"] = "{{ item }}"
    limit = int(settings.get("max_parallel", step.get("max_parallel", len(prompts) or 1)))
    return {"type": "map", "with": {"over": prompts, "limit": limit, "steps": {"ask": inner}}}


def set_variable(step: Step, notes: Notes, where: Where) -> Step:
    variables: Any = step.get("variables") or {}
    made = {str(k): value(v, notes, (*where, "variables", str(k))) for k, v in variables.items()}
    for variable in made:
        notes.variables[variable] = f"steps.{notes.name(str(step['name']))}.output.{variable}"
    return {"type": "set", "with": {"value": made}}


def data_transform(step: Step, notes: Notes, where: Where) -> Step:
    operations = value(step.get("operations") or [], notes, (*where, "operations"))
    source = _source(step.get("input_source"), notes, (*where, "input_source"))
    return {"type": "transform", "with": {"input": source, "operations": operations}}


def file_ops(step: Step, notes: Notes, where: Where) -> Step:
    operation = str(step.get("operation", ""))
    known = {"copy", "move", "delete", "list", "read", "write", "append", "validate", "convert"}
    settings: Step = {"operation": operation}
    for theirs, ours in (
        ("source", "path"),
        ("path", "path"),
        ("destination", "to"),
        ("pattern", "pattern"),
        ("content", "content"),
    ):
        if theirs in step:
            settings[ours] = value(step[theirs], notes, (*where, theirs))
    if operation not in known or operation in ("validate", "convert"):
        notes.lost(f"the file operation `{operation}` has no counterpart.", (*where, "operation"), severity="high")
    return {"type": "file", "with": settings}


def pipeline(step: Step, notes: Notes, where: Where) -> Step:
    inputs = value(step.get("inputs") or {}, notes, (*where, "inputs"))
    if is_mapping(step.get("pipeline")):
        from .workflow import import_data

        inner = import_data({"workflow": step["pipeline"]}, notes.source, (*where, "pipeline"), notes.findings)
        return {"type": "pipeline", "with": {"definition": inner, "inputs": inputs}}
    path = str(step.get("pipeline_file") or step.get("pipeline") or "")
    notes.lost(f"import `{path}` too: it is in the foreign format as well.", where)
    return {"type": "pipeline", "with": {"path": path, "inputs": inputs}}


def test_echo(step: Step, notes: Notes, where: Where) -> Step:
    key = next((k for k in ("value", "message", "input") if k in step), "prompt")
    if key == "prompt":
        return {"type": "set", "with": {"value": prompt(step.get("prompt", ""), notes, (*where, "prompt"))}}
    return {"type": "set", "with": {"value": value(step[key], notes, (*where, key))}}


def _source(source: Any, notes: Notes, where: Where) -> Any:
    """`previous_response:step.field`, or any text."""
    if not isinstance(source, str):
        return source
    kind, colon, rest = source.partition(":")
    if colon and kind in ("previous_response", "variable", "state", "step", "steps"):
        return f"{{{{ {chain(rest, notes, where)} }}}}"
    if "{{" in source:
        return template(source, notes, where)
    return f"{{{{ {expression(source, notes, where)} }}}}"


def for_loop(step: Step, notes: Notes, where: Where, body: Any) -> Step:
    iterator = str(step.get("iterator", "item"))
    over = _source(step.get("data_source", step.get("over", [])), notes, (*where, "data_source"))
    before = dict(notes.loop_names)
    notes.loop_names |= {iterator: "item", "index": "index"}
    steps = body(step.get("steps") or [], notes, (*where, "steps"))
    notes.loop_names = before
    if step.get("parallel"):
        return {"type": "map", "with": {"over": over, "limit": int(step.get("max_parallel", 5)), "steps": steps}}
    if is_list(over):
        return {"type": "loop", "with": {"for": over, "collect": True, "limit": max(len(over), 1), "steps": steps}}
    limit = int(step.get("max_iterations", 1000))
    return {"type": "loop", "with": {"for": over, "collect": True, "limit": limit, "steps": steps}}


def while_loop(step: Step, notes: Notes, where: Where, body: Any) -> Step:
    """Its condition reads what a round gave: known steps outside, the last round's output inside."""
    before = dict(notes.variables)
    outer_names = set(notes.names)
    steps = body(step.get("steps") or [], notes, (*where, "steps"))
    inside = {n: ours for n, ours in notes.names.items() if n not in outer_names}
    changed = {v for v, e in notes.variables.items() if before.get(v) != e}
    text = condition(step.get("condition", True), notes, (*where, "condition"))
    reads_body = any(f"steps.{ours}.output" in str(text) for ours in inside.values())
    made: Step = {"limit": int(step.get("max_iterations", 10)), "at_limit": "stop"}
    if reads_body or changed:
        made["until"] = f"not ({text})"
        notes.lost(
            "the condition reads what a round gives, so it is looked at after each round, not before.",
            (*where, "condition"),
        )
    else:
        made["while"] = text
    if changed:
        carried = ", ".join(f"`{v}`" for v in sorted(changed))
        notes.lost(
            f"{carried} starts anew in each round: use `previous` to carry it on.", (*where, "steps"), severity="high"
        )
    notes.variables = before
    return {"type": "loop", "with": {**made, "steps": steps}}


LEAVES: dict[str, tuple[Callable[[Step, Notes, Where], Step], set[str]]] = {
    "claude": (model_step, MODEL_KEYS),
    "gemini": (model_step, MODEL_KEYS),
    "gemini_instructor": (model_step, MODEL_KEYS),
    "claude_smart": (smart, MODEL_KEYS | {"preset"}),
    "claude_session": (session, MODEL_KEYS | {"session_config"}),
    "claude_extract": (extract, MODEL_KEYS | {"extraction_config"}),
    "claude_robust": (robust, MODEL_KEYS | {"retry_config"}),
    "claude_batch": (batch, {"tasks", "prompts", "batch_config", "model", "claude_options", "max_parallel"}),
    "parallel_claude": (batch, {"parallel_tasks", "model", "claude_options", "max_parallel"}),
    "set_variable": (set_variable, {"variables"}),
    "data_transform": (data_transform, {"operations", "input_source"}),
    "file_ops": (file_ops, {"operation", "source", "path", "destination", "pattern", "content"}),
    "pipeline": (pipeline, {"pipeline", "pipeline_file", "inputs"}),
    "test_echo": (test_echo, {"value", "message", "input", "prompt"}),
}
"""Type → how it is translated, and the keys that this reads."""

LOOPS: dict[str, tuple[Callable[[Step, Notes, Where, Any], Step], set[str]]] = {
    "for_loop": (for_loop, {"iterator", "data_source", "over", "steps", "parallel", "max_parallel", "max_iterations"}),
    "while_loop": (while_loop, {"condition", "max_iterations", "steps"}),
}
