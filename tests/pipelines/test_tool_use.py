"""Functions that a model has called: their description, the loop, what goes wrong."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from model_calls import direct_at
from scripted_server import Reply, ScriptedServer

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.models import Message, ModelError
from codefactory.pipelines.tool_use import RESULT_CHARACTERS, Called, Conversation, complete_with_tools, tool

ASK = (Message("user", "What is the weather in Ulm?"),)


def weather(place: str, unit: Literal["C", "F"] = "C") -> dict[str, Any]:
    """The weather at a place."""
    if place == "Atlantis":
        raise LookupError("it has sunk")
    return {"place": place, "degrees": 21, "unit": unit}


async def slow(n: int) -> str:
    return "x" * n


async def converse(server: ScriptedServer, **options: Any) -> Conversation:
    tools = (tool(weather), tool(slow, description="Slow."))
    return await complete_with_tools(direct_at(server.url), ASK, tools, Spending(Budget()), role="chat", **options)


def test_a_function_describes_itself() -> None:
    spec = tool(weather).spec
    assert (spec.name, spec.description) == ("weather", "The weather at a place.")
    assert spec.parameters["required"] == ["place"]
    assert spec.parameters["properties"]["unit"]["enum"] == ["C", "F"]
    assert spec.parameters["additionalProperties"] is False


def test_what_json_cannot_give_is_refused() -> None:
    with pytest.raises(TypeError, match=r"\*args"):
        tool(lambda *args: args, name="f")


async def test_calls_what_the_model_wants_and_tells_it_the_result() -> None:
    seen: list[Called] = []
    script = [Reply("", tool_calls=(("weather", '{"place": "Ulm"}'), ("slow", '{"n": 2}'))), Reply("It is 21 °C.")]
    with ScriptedServer(script) as server:
        done = await converse(server, on_call=seen.append)
    assert done.completion.text == "It is 21 °C."
    assert [(c.call.name, c.failed) for c in done.called] == [("weather", False), ("slow", False)]
    assert seen == list(done.called)
    _, asked, first, second = server.requests[1].messages
    assert [c["function"]["name"] for c in asked["tool_calls"]] == ["weather", "slow"]
    assert first == {
        "role": "tool",
        "content": '{"place": "Ulm", "degrees": 21, "unit": "C"}',
        "tool_call_id": "call_0",
    }
    assert (second["content"], second["tool_call_id"]) == ("xx", "call_1")
    assert len(done.messages) == 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("whether", "{}"), "there is no tool 'whether'; there are weather, slow"),
        (("weather", "{"), "the arguments are not valid"),
        (("weather", '{"place": 3}'), "place: Input should be a valid string"),
        (("weather", '{"place": "Ulm", "mood": 1}'), "mood: Extra inputs"),
        (("weather", '{"place": "Atlantis"}'), "LookupError: it has sunk"),
        (("slow", json.dumps({"n": RESULT_CHARACTERS + 5})), "[5 more characters are left out]"),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model(call: tuple[str, str], words: str) -> None:
    with ScriptedServer([Reply("", tool_calls=(call,)), Reply("sorry")]) as server:
        assert (await converse(server)).completion.text == "sorry"
    assert words in server.requests[1].messages[-1]["content"]


async def test_the_loop_has_an_end() -> None:
    script = [Reply("", tool_calls=(("slow", '{"n": 1}'),), times=None)]
    with ScriptedServer(script) as server, pytest.raises(ModelError, match="after 3 rounds") as caught:
        await converse(server, max_rounds=3)
    assert caught.value.category == "invalid"
    assert len(server.requests) == 3
