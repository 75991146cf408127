"""Definitions from strangers: expressions that would get out, texts that would fill memory."""

from __future__ import annotations

from time import monotonic

import pytest

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine

HEAD = "version: 1\nname: p\ninputs: {x: any}\n"


async def error_of(expression: str) -> str:
    """What is said of an expression, before or in the run."""
    text = HEAD + f"steps:\n  a:\n    type: set\n    with:\n      value: >-\n        {expression}\n"
    loaded = loads(text)
    if loaded.plan is None:
        return loaded.findings[0].message
    result = await Engine().run(loaded.plan, {"x": "text"})
    assert result.status == "failed", f"{expression} gave {result.outputs}"
    return str(result.error)


ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ x.__class__ }}",
    "{{ inputs['__class__'].__init__.__globals__ }}",
    "{{ inputs.x.__class__.__base__.__subclasses__() }}",
    "{{ inputs.x|attr('__class__') }}",
    "{{ inputs.x|map(attribute='__class__')|list }}",
    "{{ inputs.x|map(attribute='upper')|list }}",
    "{{ [inputs.x]|map(attribute='__class__')|map(attribute='__mro__')|list|join }}",
    "{{ [inputs.x]|selectattr('__class__')|groupby('__class__')|list }}",
    "{{ inputs.x.format.__globals__ }}",
    "{{ '{0.__class__}'.format(inputs.x) }}",
    "{{ '%s' % inputs.x }}",
    "{{ self.__init__.__globals__ }}",
    "{{ range.__class__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum.__globals__ }}",
    "{{ joiner.__init__ }}",
    "{{ namespace.__init__ }}",
    "{{ config }}",
    "{{ request }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ inputs.x.encode('utf-8') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends 'x' %}",
    "{% macro m() %}{{ caller }}{% endmacro %}{{ m.__globals__ }}",
    "{% set y = inputs.x.__class__ %}{{ y }}",
    "{% for i in inputs.x.__class__ %}{% endfor %}",
    "{{ inputs.x['__cl' ~ 'ass__']['__mro__'] }}",
    "{{ (inputs.x, 1).__class__ }}",
    "{{ steps.__class__ }}",
    "{{ run.__class__.__init__ }}",
]


@pytest.mark.hostile("template-escape", "expressions that reach for classes, globals, files and modules (32 ways)")
@pytest.mark.parametrize("expression", ESCAPES)
async def test_expressions_reach_only_data(expression: str) -> None:
    message = await error_of(expression)
    assert message
    assert "root:" not in message
    assert "<class" not in message


@pytest.mark.hostile("template-injection", "an input or a step's output that is itself a template")
async def test_a_value_is_never_a_template() -> None:
    text = HEAD + (
        "steps:\n  a: {type: set, with: {value: '{{ inputs.x }}'}}\n"
        "  b: {type: set, with: {value: 'got {{ steps.a.output }}'}}\n"
    )
    result = await Engine().run(loads(text).unwrap(), {"x": "{{ 7 * 7 }}{% for i in [1] %}!{% endfor %}"})
    assert result.unwrap() == {"b": "got {{ 7 * 7 }}{% for i in [1] %}!{% endfor %}"}


BOMBS = [
    "{{ 'x' * 10000000000 }}",
    "{{ 9 ** 99999999 }}",
    "{{ range(100000000)|list }}",
    "{{ [1] * 1000000000 }}",
    "{{ inputs.x.replace('', inputs.x) }}",
    "{{ 'x'|center(1000000000) }}",
    "{{ inputs.x.ljust(1000000000) }}",
    "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    "{{ '%1000000000d' % 1 }}",
    "{{ ('x' * 900000) ~ ('x' * 900000) }}",
    "{{ inputs.x.zfill(999999999) }}",
]


@pytest.mark.hostile("template-bomb", "expressions that would take memory or time without end (11 ways)")
@pytest.mark.parametrize("expression", BOMBS)
async def test_expressions_are_bounded(expression: str) -> None:
    started = monotonic()
    assert await error_of(expression)
    assert monotonic() - started < 20


def messages(text: str) -> list[str]:
    loaded = loads(text)
    assert loaded.plan is None
    return [f.message for f in loaded.findings]


@pytest.mark.hostile("yaml-aliases", "a billion laughs of aliases")
def test_aliases() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "aliases make more than" in messages(HEAD + "\n".join(lines) + "\nsteps: {}")[0]


@pytest.mark.hostile("yaml-alias-cycle", "an alias that contains itself")
def test_a_cycle() -> None:
    assert messages(HEAD + "steps: &s {a: {type: set, with: {value: *s}}}") == ["an alias contains itself."]


@pytest.mark.hostile("yaml-deep", "lists in lists, a hundred thousand deep")
@pytest.mark.parametrize("depth", [100, 5_000, 100_000])
def test_depth(depth: int) -> None:
    assert "nest" in messages(HEAD + "steps: " + "[" * depth + "]" * depth)[0]
    text = '{"version": 1, "steps": ' + "[" * depth + "]" * depth + "}"
    loaded = loads(text, "json")
    assert loaded.plan is None


@pytest.mark.hostile("yaml-merge", "merge keys that would put settings where nobody sees them")
def test_merge_keys() -> None:
    text = HEAD + "steps:\n  a: &a {type: set, with: {value: 1}}\n  b:\n    <<: *a\n    when: 'true'\n"
    assert any("`<<`" in message for message in messages(text))


@pytest.mark.hostile("yaml-tags", "tags that would make objects")
@pytest.mark.parametrize(
    "value", ["!!python/object/apply:os.system ['id']", "!!python/object/new:os.system {a: 1}", "!x 1", "!!set {a, b}"]
)
def test_tags(value: str) -> None:
    assert "tag" in messages(HEAD + f"steps: {{a: {{type: set, with: {{value: {value}}}}}}}")[0]


@pytest.mark.hostile("yaml-twice", "a key given twice, of which only the second counts")
def test_a_key_twice() -> None:
    text = HEAD + "steps:\n  a: {type: set, with: {value: 1}}\n  a: {type: function, with: {call: 'os:getcwd'}}\n"
    assert messages(text) == ["`a` is given twice."]


@pytest.mark.hostile("definition-huge", "a definition of many megabytes")
def test_size() -> None:
    assert "larger than" in messages(HEAD + "# " + "x" * 6_000_000)[0]


@pytest.mark.hostile("definition-nesting", "pipelines in pipelines without end")
def test_pipelines_in_pipelines() -> None:
    inner = "{version: 1, name: p, steps: {a: {type: set, with: {value: 1}}}}"
    for _ in range(30):
        inner = f"{{version: 1, name: p, steps: {{a: {{type: pipeline, with: {{definition: {inner}}}}}}}}}"
    loaded = loads(inner)
    assert loaded.plan is None
    assert "deep" in loaded.findings[0].message
