"""Replies that are data: what is read out of them, what is refused, what is asked again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_calls import direct_at
from pydantic import BaseModel
from scripted_server import Reply, ScriptedServer

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.models import Message, ModelError
from codefactory.pipelines.structured import NotJSONError, complete_structured, json_in, shape_of

ASK = (Message("user", "Rate it."),)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 0}},
    "required": ["score"],
}


class Rating(BaseModel):
    score: int
    words: list[str] = []


async def rate(server: ScriptedServer, schema: Any = SCHEMA, **options: Any) -> Any:
    spending = options.pop("spending", None) or Spending(Budget())
    return await complete_structured(direct_at(server.url), ASK, schema, spending, role="qa", **options)


async def test_a_valid_reply_is_its_value() -> None:
    with ScriptedServer([Reply('{"score": 3}', times=2)]) as server:
        assert await rate(server) == {"score": 3}
        assert await rate(server, Rating) == Rating(score=3)
    (first, second) = server.requests
    assert first.body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert second.body["response_format"]["json_schema"]["schema"] == Rating.model_json_schema()
    assert json.dumps(SCHEMA) in first.messages[0]["content"]
    assert [m["role"] for m in first.messages] == ["system", "user"]


async def test_what_is_wrong_goes_back_once() -> None:
    with ScriptedServer([Reply('{"score": -1}'), Reply('{"score": 1}')]) as server:
        assert await rate(server) == {"score": 1}
    *_, reply, correction = server.requests[1].messages
    assert reply == {"role": "assistant", "content": '{"score": -1}'}
    assert "$.score: -1 is less than the minimum of 0" in correction["content"]


@pytest.mark.parametrize(
    ("replies", "schema", "words"),
    [
        (["I cannot.", "No."], SCHEMA, "after 2 tries: there is no JSON in it"),
        (['{"score": "a"}'] * 2, SCHEMA, "'a' is not of type 'integer'"),
        (['{"score": "a"}'] * 2, Rating, r"\$\.score: Input should be a valid integer"),
        (["{}"] * 2, Rating, r"\$\.score: Field required"),
    ],
)
async def test_what_stays_wrong_is_a_clear_failure(replies: list[str], schema: Any, words: str) -> None:
    with ScriptedServer([Reply(r) for r in replies]) as server, pytest.raises(ModelError, match=words) as caught:
        await rate(server, schema)
    assert caught.value.category == "invalid"
    assert len(server.requests) == 2


async def test_a_reply_that_was_cut_is_not_asked_again() -> None:
    script = [Reply('{"score": 1', finish_reason="length")]
    with ScriptedServer(script) as server, pytest.raises(ModelError, match="limit of tokens"):
        await rate(server)
    assert len(server.requests) == 1


async def test_the_repair_is_within_the_budget() -> None:
    spending = Spending(Budget(max_tokens=4600))
    script = [Reply("no", usage=(2000, 2500))]
    with ScriptedServer(script) as server, pytest.raises(ModelError, match="maxTokens") as caught:
        await rate(server, spending=spending)
    assert caught.value.category == "budget"
    assert len(server.requests) == 1
    assert spending.ledger.totals.calls == 1


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("```json\n[1, 2]\n```", [1, 2]),
        ('Here you are:\n```\n{"a": "```"}\n```\nDone.', {"a": "```"}),
        ('The answer is {"a": {"b": []}}, I think.', {"a": {"b": []}}),
        ("Not {this}, but [1]", [1]),
        (" 7 ", 7),
    ],
)
def test_finds_the_json(reply: str, value: object) -> None:
    assert json_in(reply) == value


@pytest.mark.parametrize("reply", ["", "none", "{'a': 1}", "NaN", "[NaN]", "[" * 100_000, '{"a": 1'])
def test_guesses_nothing(reply: str) -> None:
    with pytest.raises(NotJSONError):
        json_in(reply)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    json_values.filter(lambda v: isinstance(v, dict | list)), st.sampled_from(["{}", "```json\n{}\n```", "So: {} OK"])
)
def test_any_json_is_found_where_models_put_it(value: object, around: str) -> None:
    text = around.replace("{}", json.dumps(value), 1)
    assert json_in(text) == value


@pytest.mark.parametrize(
    ("schema", "words"),
    [({"type": "objekt"}, "the schema is none"), ({"$ref": "http://schemas.example/x.json"}, "not in it")],
)
async def test_a_schema_that_is_none_or_lies_elsewhere_is_said(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        (await shape_of(schema)).check({})
