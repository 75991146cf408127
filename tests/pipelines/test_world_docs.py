"""docs/steps-code.md and docs/steps-api.md: their tables are what the program says, and their examples run.

The tables are written anew by

    python tests/pipelines/test_world_docs.py
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from http_server import Answer, HttpServer, Request, json_answer

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.definitions.catalogue import described
from codefactory.pipelines.definitions.steps import BUILT_IN
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.sandbox import survey
from codefactory.pipelines.secrets import Secrets, SecretSource

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"<!-- settings: (\w+) -->\n(.*?)<!-- end -->\n", re.DOTALL)
EXAMPLE = re.compile(r"^```yaml\n(.*?)^```\n```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMES = ("steps-code.md", "steps-api.md")
CODE, API = (EXAMPLE.findall((DOCS / name).read_text("utf-8")) for name in NAMES)


def table(name: str) -> str:
    found = described(next(t for t in BUILT_IN if t.name == name))
    rows = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in found["settings"]:
        default = "required" if setting["required"] else f"`{setting['default']}`"
        cells = (f"`{setting['name']}`", setting["type"], default, setting["description"])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_what_the_program_says(name: str) -> None:
    text = (DOCS / name).read_text("utf-8")
    wrong = [m[1] for m in BLOCK.finditer(text) if m[2] != table(m[1])]
    assert not wrong, f"run: python {Path(__file__).relative_to(DOCS.parent)}"
    assert BLOCK.search(text)
    assert text.count("```yaml") == len(EXAMPLE.findall(text)) >= 2


@pytest.mark.parametrize(("text", "outputs"), CODE, ids=lambda v: v.split("\n")[1] if v.startswith("version") else "")
async def test_code(text: str, outputs: str) -> None:
    if not any(found.sandbox for found in await survey()):
        pytest.skip("no sandbox works here")
    engine = Engine(policy=AccessPolicy())
    result = await engine.run(loads(text, trusted=True).unwrap())
    engine.close()
    assert result.unwrap() == json.loads(outputs)


def items(request: Request) -> Answer:
    if request.method == "POST":
        return json_answer({"id": 8, **json.loads(request.body)}, 201)
    after = request.query.get("after")
    titles, following = ([["One"], ["Two"]], "b") if after is None else ([["Three"]], None)
    return json_answer({"data": titles, "meta": {"next": following}})


def me(request: Request) -> Answer:
    if request.headers.get("authorization") in ("Bearer a-token", "Bearer the-secret"):
        return json_answer("by bearer")
    return json_answer("by key" if request.headers.get("x-api-key") == "the-secret" else "by nobody")


ROUTES = {
    "/items/7": lambda r: json_answer({"title": "Seven", "owner": r.query["expand"]}),
    "/items": items,
    "/me": me,
    "/token": lambda _: json_answer({"access_token": "a-token", "expires_in": 60}),
}


@pytest.mark.parametrize(("text", "outputs"), API, ids=lambda v: v.split("\n")[1] if v.startswith("version") else "")
async def test_api(text: str, outputs: str) -> None:
    with HttpServer(ROUTES) as server:
        policy = AccessPolicy(hosts=(server.host,), private_hosts=(server.host,), secrets=("api_token",))
        secrets = Secrets({"api_token": SecretSource(command=("printf", "the-secret"))})
        engine = Engine(policy=policy, secrets=secrets)
        result = await engine.run(loads(text.replace("https://api.example.com", server.url)).unwrap())
        engine.close()
    assert result.unwrap() == json.loads(outputs)


if __name__ == "__main__":
    for name in NAMES:
        before = (DOCS / name).read_text("utf-8")
        after = BLOCK.sub(lambda m: f"<!-- settings: {m[1]} -->\n{table(m[1])}<!-- end -->\n", before)
        (DOCS / name).write_text(after, "utf-8")
