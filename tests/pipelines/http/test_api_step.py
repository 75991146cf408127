from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from http_server import HttpServer, Request, json_answer

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.http.addresses import why_no_host, why_private
from codefactory.pipelines.http.failures import retry_after_s
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.secrets import Secrets, SecretSource

if TYPE_CHECKING:
    from pathlib import Path


async def run(
    server: HttpServer,
    settings: dict[str, Any],
    /,
    *,
    secrets: dict[str, str] | None = None,
    step: dict[str, Any] | None = None,
    events: list[Any] | None = None,
    **policy: Any,
) -> Any:
    """The step's output, or the error in the run's words."""
    hosts = (server.host,)
    allowed = AccessPolicy(hosts=hosts, private_hosts=hosts, secrets=("*",), **policy)
    sources = {name: SecretSource(command=("printf", "%s", value)) for name, value in (secrets or {}).items()}
    steps = {"a": {"type": "api", "with": {"url": server.url, **settings}, **(step or {})}}
    text = json.dumps({"version": 1, "name": "p", "steps": steps})
    engine = Engine(policy=allowed, secrets=Secrets(sources))
    try:
        result = await engine.run(loads(text, "json").unwrap(), on_event=None if events is None else events.append)
    finally:
        engine.close()
    return str(result.error) if result.error else result.outputs["a"]


def echo(request: Request) -> tuple[int, dict[str, str], bytes]:
    return json_answer(
        {
            "method": request.method,
            "query": request.query,
            "type": request.headers.get("content-type"),
            "body": request.body.decode(),
        }
    )


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods(method: str) -> None:
    with HttpServer({"/": echo}) as server:
        output = await run(server, {"method": method, "query": {"q": "a b&c"}})
    assert output["status"] == 200
    assert (output["body"]["method"], output["body"]["query"]) == (method, {"q": "a b&c"})


@pytest.mark.parametrize(
    ("settings", "kind", "body"),
    [
        ({"json": {"a": [1, None]}}, "application/json", '{"a":[1,null]}'),
        ({"form": {"a": "x y", "b": 2}}, "application/x-www-form-urlencoded", "a=x+y&b=2"),
        ({"text": "é"}, "text/plain; charset=utf-8", "é"),
        ({"text": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", "<a/>"),
    ],
)
async def test_bodies(settings: dict[str, Any], kind: str, body: str) -> None:
    with HttpServer({"/": echo}) as server:
        output = await run(server, {"method": "POST", **settings})
    assert (output["body"]["type"], output["body"]["body"]) == (kind, body)


async def test_files_are_sent(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * 700_000)
    with HttpServer({"/": lambda r: json_answer([len(r.body), r.headers.get("content-length")])}) as server:
        output = await run(server, {"method": "PUT", "file": "a.bin"}, read=(tmp_path,))
        assert output["body"] == [700_000, "700000"]
        form = {"method": "POST", "form": {"k": "v"}, "files": {"f": {"path": "a.bin", "type": "image/png"}}}
        await run(server, form, read=(tmp_path,))
    sent = server.requests[-1].body
    assert b'name="k"\r\n\r\nv\r\n' in sent
    assert b'name="f"; filename="a.bin"\r\nContent-Type: image/png\r\n\r\nxxx' in sent


async def test_answers_are_saved(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4_000
    with HttpServer({"/": lambda _: (200, {}, data), "/no": lambda _: (500, {}, b"")}) as server:
        output = await run(server, {"save_to": "b.bin"}, write=(tmp_path,))
        assert "500" in await run(server, {"url": f"{server.url}/no", "save_to": "c.bin"}, write=(tmp_path,))
        too_large = await run(server, {"save_to": "c.bin", "max_bytes": 1000}, write=(tmp_path,))
        assert "larger than the 1,000 bytes" in too_large
    assert output["saved"] == {
        "path": str(tmp_path / "b.bin"),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert (tmp_path / "b.bin").read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]  # noqa: ASYNC240 a test's folder


@pytest.mark.parametrize(
    ("as_", "kind", "sent", "expected"),
    [
        ("auto", "application/problem+json", b'{"a": 1}', {"a": 1}),
        ("auto", "text/plain; charset=latin-1", b"\xe9", "é"),
        ("auto", "text/plain; charset=rot13", b"a", "a"),
        ("auto", "application/json", b"", None),
        ("text", "application/json", b"[1]", "[1]"),
        ("json", "text/html", b"[1]", [1]),
        ("base64", "image/png", b"\x00\xff", base64.b64encode(b"\x00\xff").decode()),
    ],
)
async def test_what_the_body_is(as_: str, kind: str, sent: bytes, expected: Any) -> None:
    with HttpServer({"/": lambda _: (200, {"content-type": kind, "set-cookie": "x=1"}, sent)}) as server:
        output = await run(server, {"as": as_})
    assert output["body"] == expected
    assert "set-cookie" not in output["headers"]


async def test_credentials() -> None:
    with HttpServer(
        {"/": lambda r: json_answer([r.headers.get("authorization"), r.headers.get("x-api-key"), r.query])}
    ) as server:
        for auth in (
            {"type": "bearer", "token": "secret:s"},
            {"type": "basic", "username": "u", "password": "secret:s"},
            {"type": "key", "key": "secret:s"},
            {"type": "key", "key": "secret:s", "in": "query", "name": "k"},
        ):
            output = await run(server, {"auth": auth}, secrets={"s": "value-of-s"})
            assert "value-of-s" not in str(output)
    sent = [(r.headers.get("authorization"), r.headers.get("x-api-key"), r.query) for r in server.requests]
    basic = "Basic " + base64.b64encode(b"u:value-of-s").decode()
    assert sent == [
        ("Bearer value-of-s", None, {}),
        (basic, None, {}),
        (None, "value-of-s", {}),
        (None, None, {"k": "value-of-s"}),
    ]


async def test_tokens_are_kept_and_fetched_anew_when_refused() -> None:
    given: list[str] = []
    refused: set[str] = set()

    def token(_: Request) -> tuple[int, dict[str, str], bytes]:
        given.append(f"token-number-{len(given)}")
        return json_answer({"access_token": given[-1], "token_type": "bearer", "expires_in": 3600})

    def guarded(request: Request) -> tuple[int, dict[str, str], bytes]:
        bearer = request.headers["authorization"].removeprefix("Bearer ")
        return json_answer("no", 401) if bearer in refused else json_answer("yes")

    with HttpServer({"/token": token, "/": guarded}) as server:
        auth = {
            "type": "oauth2",
            "token_url": f"{server.url}/token",
            "client_id": "me",
            "client_secret": "secret:s",
            "scope": "read",
        }
        for _ in range(2):
            assert (await run(server, {"auth": auth}, secrets={"s": "value-of-s"}))["body"] == "yes"
        assert len(given) == 1
        refused.add(given[0])
        assert (await run(server, {"auth": auth}, secrets={"s": "value-of-s"}))["body"] == "yes"
        assert len(given) == 2
        refused.update(f"token-number-{n}" for n in range(9))
        assert "was answered 401" in await run(server, {"auth": auth}, secrets={"s": "value-of-s"})
    first = server.requests[0]
    assert first.headers["authorization"] == "Basic " + base64.b64encode(b"me:value-of-s").decode()
    assert first.body == b"grant_type=client_credentials&scope=read"


@pytest.mark.parametrize(
    ("status", "category"),
    [(400, "fatal"), (404, "fatal"), (408, "transient"), (429, "rate_limited"), (503, "transient")],
)
async def test_statuses_are_failures_of_a_kind(status: int, category: str) -> None:
    with HttpServer({"/": lambda _: (status, {}, b"what is wrong")}) as server:
        said = await run(server, {"query": {"hidden": "x"}})
        assert f"({category}): GET {server.url}/ was answered {status}: what is wrong" in said or (
            f"({category}): GET {server.url} was answered {status}: what is wrong" in said
        )
        assert "hidden" not in said
        assert (await run(server, {"accept": [status]}))["status"] == status


async def test_the_engine_retries_when_the_host_says() -> None:
    answers = iter([(429, {"Retry-After": "0.2"}, b""), (503, {"Retry-After": "1"}, b""), (200, {}, b"at last")])
    times: list[float] = []

    def answer(_: Request) -> tuple[int, dict[str, str], bytes]:
        times.append(time.monotonic())
        return next(answers)

    with HttpServer({"/": answer}) as server:
        retry = {"retry": {"attempts": 3, "base_s": 0.0}}
        output = await run(server, {"idempotency_key": True}, step=retry)
    assert output["body"] == "at last"
    assert times[2] - times[1] >= 1
    assert len({r.headers["idempotency-key"] for r in server.requests}) == 1


def test_retry_after() -> None:
    assert retry_after_s("7") == 7
    soon = retry_after_s(format_datetime(datetime.now(UTC) + timedelta(seconds=60)))
    assert soon is not None
    assert 55 < soon <= 60
    assert retry_after_s("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    assert retry_after_s("soon") is retry_after_s(None) is None


async def test_pages_by_link() -> None:
    def page(request: Request) -> tuple[int, dict[str, str], bytes]:
        number = int(request.query.get("p", "1"))
        link = f'</?p=9>; rel="last", </?p={number + 1}>; title="a, b"; rel="next"'
        return json_answer([number], **({"link": link} if number < 3 else {}))

    with HttpServer({"/": page}) as server:
        output = await run(server, {"pages": {"by": "link"}})
    assert (output["body"], output["pages"], output["more"]) == ([1, 2, 3], 3, False)


async def test_pages_by_cursor_and_by_address_in_the_answer() -> None:
    def by_cursor(request: Request) -> tuple[int, dict[str, str], bytes]:
        at = int(request.query.get("after", "0"))
        return json_answer({"data": {"items": [at]}, "meta": {"next": at + 1 if at < 2 else None}})

    def by_address(request: Request) -> tuple[int, dict[str, str], bytes]:
        return json_answer({"results": [1, 2], "next": None if request.query else "/address?x=1"})

    with HttpServer({"/": by_cursor, "/address": by_address}) as server:
        pages = {"by": "cursor", "items": "data.items", "next": "meta.next", "parameter": "after"}
        assert (await run(server, {"pages": pages}))["body"] == [0, 1, 2]
        pages = {"by": "link", "items": "results", "next": "next"}
        assert (await run(server, {"url": f"{server.url}/address", "pages": pages}))["body"] == [1, 2, 1, 2]
        assert "no list of items at `none`" in await run(server, {"pages": {**pages, "items": "none"}})


async def test_pages_by_number() -> None:
    with HttpServer({"/": lambda r: json_answer([1] if int(r.query["page"]) < 3 else [])}) as server:
        output = await run(server, {"pages": {"by": "page"}, "response_schema": {"type": "array", "maxItems": 2}})
    assert (output["body"], output["pages"]) == ([1, 1], 3)


async def test_the_schema_of_the_answer() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    with HttpServer({"/": lambda _: json_answer({"id": 1}), "/bad": lambda _: json_answer({"id": "x"})}) as server:
        assert (await run(server, {"response_schema": schema}))["body"] == {"id": 1}
        said = await run(server, {"url": f"{server.url}/bad", "response_schema": schema})
    assert "(invalid_output)" in said
    assert "$.id" in said


async def test_the_rate_holds_for_all_requests_to_a_host() -> None:
    with HttpServer({"/": lambda _: (200, {}, b"")}) as server:
        started = time.monotonic()
        rate = {"rate": {"requests": 2, "per_s": 0.4}}
        await asyncio.gather(*(run(server, rate) for _ in range(5)))
        assert time.monotonic() - started >= 0.6


async def test_the_answer_is_streamed() -> None:
    events: list[Any] = []
    with HttpServer({"/": lambda _: (200, {}, "é".encode() * 100_000)}) as server:
        output = await run(server, {"stream": True}, events=events)
    pieces = [event.delta for event in events if event.kind == "output_delta"]
    assert "".join(pieces) == output["body"] == "é" * 100_000


async def test_a_host_that_is_not_there() -> None:
    with HttpServer({}) as server:
        pass
    assert "(transient)" in await run(server, {})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"json": 1, "text": "x"}, "one body"),
        ({"auth": {"type": "magic"}}, "must be one of bearer"),
        ({"pages": {"by": "guess"}}, "must be one of link"),
        ({"save_to": "x", "pages": {"by": "link"}}, "not saved"),
        ({"method": "BREW"}, "'GET'"),
    ],
)
def test_what_is_wrong_is_said_before_the_run(settings: dict[str, Any], said: str) -> None:
    text = json.dumps(
        {"version": 1, "name": "p", "steps": {"a": {"type": "api", "with": {"url": "http://h/", **settings}}}}
    )
    assert any(said in finding.message for finding in loads(text, "json").findings)


def test_public_addresses_and_names_are_let_through() -> None:
    import ipaddress

    for text in ("93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::808:808", "2002:808:808::1"):
        assert why_private(ipaddress.ip_address(text)) is None
    for host in (
        "example.com",
        "xn--bcher-kva.example",
        "a-b.c_d.example.",
        "localhost",
        "93.184.216.34",
        "::1",
        "1e100.net",
    ):
        assert why_no_host(host) is None
