"""Expressions: values, references, and everything that must not be possible."""

from __future__ import annotations

import time
from typing import Any

import pytest

from codefactory.pipelines.definitions.expression import ExpressionError, compile_condition, compile_value

NAMES: dict[str, Any] = {
    "inputs": {"name": "Ada", "n": 3, "tags": ["x", "y"], "items": "a key", "nothing": None, "text": "12"},
    "steps": {"fetch": {"output": {"title": "T", "rows": [{"id": 1}, {"id": 2}]}, "skipped": False}},
    "item": 5,
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain", "plain"),
        (3, 3),
        (None, None),
        ("{{ inputs.n }}", 3),
        ("{{ inputs.n + 1 }}", 4),
        ("n = {{ inputs.n }}", "n = 3"),
        ("{{ inputs.text }}", "12"),
        ("{{ '[1, 2]' }}", "[1, 2]"),
        ("{{ inputs.tags }}", ["x", "y"]),
        ("{{ inputs.items }}", "a key"),
        ("{{ inputs.nothing }}", None),
        ("<{{ inputs.nothing }}>", "<>"),
        ("{{ steps.fetch.output.rows[1].id }}", 2),
        ("{{ steps['fetch'].output['title'] }}", "T"),
        ("{{ steps.fetch.output.rows | map(attribute='id') | list }}", [1, 2]),
        ("{{ inputs.tags | join(',') | upper }}", "X,Y"),
        ("{{ inputs.name.lower() }}", "ada"),
        ("{{ inputs.tags | length > 1 and not steps.fetch.skipped }}", True),
        ("{{ 'yes' if item > 4 else 'no' }}", "yes"),
        ("{% for t in inputs.tags %}{{ loop.index }}{{ t }} {% endfor %}", "1x 2y "),
        ("{{ inputs.name ~ '-' ~ inputs.n }}", "Ada-3"),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ inputs.missing is defined }}", False),
        ("{{ inputs.missing | default('d') }}", "d"),
        ("{{ {'a': inputs.n} }}", {"a": 3}),
        ({"a": ["{{ item }}", "x{{ item }}"]}, {"a": [5, "x5"]}),
        ("{# a comment #}x", "x"),
        ("{{ '{{' }}", "{{"),
        ("{{ {'a': '<b>'} | tojson }}", '{"a": "<b>"}'),
        ("<{{ ['<b>'] | tojson }}>", '<["<b>"]>'),
    ],
)
def test_a_value_keeps_its_type_unless_there_is_text_around_it(source: Any, value: Any) -> None:
    result = compile_value(source).evaluate(NAMES)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(("source", "value"), [("item > 4", True), ("{{ item > 9 }}", False), (True, True)])
def test_a_condition_needs_no_braces(source: Any, value: bool) -> None:
    assert compile_condition(source).evaluate(NAMES) is value


@pytest.mark.parametrize(
    ("source", "references"),
    [
        ("{{ inputs.name }}", {"inputs.name"}),
        ("{{ steps.fetch.output.rows[0] + steps['other'].output }}", {"steps.fetch.output", "steps.other.output"}),
        ("{% for t in inputs.tags %}{{ t }}{{ item }}{% endfor %}", {"inputs.tags", "item"}),
        ("{% set a = steps.fetch.skipped %}{{ a }}", {"steps.fetch.skipped"}),
        ("{{ steps.fetch.output[inputs.name] }}", {"steps.fetch.output", "inputs.name"}),
        ({"a": "{{ inputs.a }}", "b": ["{{ inputs.b }}"]}, {"inputs.a", "inputs.b"}),
        ("none here", set()),
    ],
)
def test_what_is_referred_to_is_known_before(source: Any, references: set[str]) -> None:
    assert {str(r) for r in compile_value(source).references} == references


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ inputs.nmae }}", "`inputs` has no `nmae`; did you mean `name`?"),
        ("{{ inputs.nothing.x }}", "`inputs.nothing` is nothing (null), which has no `x`"),
        ("{{ inputs.n.x }}", "`inputs.n` is of type int, which has no `x`"),
        ("{{ inputs.missing + 1 }}", "has no attribute 'missing'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ inputs.n + 'x' }}", "unsupported operand"),
    ],
)
def test_what_cannot_be_evaluated_is_said(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        compile_value(source).evaluate(NAMES)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ inputs",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% macro m() %}{% endmacro %}",
        "{% set x %}a{% endset %}",
        "{% for x in y recursive %}{% endfor %}",
        "{{ x | attr('y') }}",
        "{{ x | format(1) }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ 'x' " + "~ 'x'" * 30_000 + " }}",
    ],
)
def test_what_is_not_part_of_the_language_does_not_compile(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_value(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ inputs.__class__ }}",
        "{{ inputs['__class__'] }}",
        "{{ ().__class__.__base__.__subclasses__() }}",
        "{{ inputs.name.format }}",
        "{{ '{0.__class__}'.format(inputs) }}",
        "{{ inputs.name.encode('idna') }}",
        "{{ inputs.tags.append(1) }}",
        "{{ inputs.pop('name') }}",
        "{{ cycler }}",
        "{{ lipsum(n=100) }}",
        "{{ self }}",
        "{{ namespace(a=1) }}",
        "{{ dict(a=1) }}",
        "{{ range.__self__ }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ [0] * 10 ** 8 }}",
        "{{ 10 ** (10 ** 8) }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ range(10 ** 9) | list }}",
        "{{ 'x'.ljust(10 ** 9) }}",
        "{{ 'x' | truncate(10 ** 9) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ ('x' * 1000) | replace('x', 'y' * 10000) }}",
        "{{ [1, 2] | batch(10 ** 9, 0) | list }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{% set a = 'x' * 999 %}{% set b = a ~ a %}" + "{% set b = b ~ b %}" * 40 + "{{ b | length }}",
        "{% set b = [1, 1] %}" + "{% set b = [b, b] %}" * 40 + "{{ b }}",
        "{% set b = [1, 1] %}" + "{% set b = [b, b] %}" * 40 + "x{{ b }}",
        "{% set b = [1, 1] %}" + "{% set b = b + b %}" * 40 + "{{ b | length }}",
        "{{ (range(99999) | list | sum) * (10 ** 2000) * (10 ** 2000) * (10 ** 900000) }}",
    ],
)
def test_nothing_gets_out_and_nothing_grows_without_bound(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError):
        compile_value(source).evaluate(NAMES)
    assert time.perf_counter() - started < 10
    assert NAMES["inputs"]["tags"] == ["x", "y"]
    assert "name" in NAMES["inputs"]
