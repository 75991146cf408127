"""Requests that a definition, an input or a host would like us to make, and must not get."""

# ruff: noqa: E501 the cases are a table

from __future__ import annotations

import gzip
import json
import socket
import ssl
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from http_server import HttpServer, Request, json_answer

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.http import connecting
from codefactory.pipelines.http.client import Client, Options, Sending, parse_url
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.secrets import Secrets, SecretSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY_HOST = AccessPolicy(hosts=("*",))


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer({"/": lambda _: (200, {}, b"inside")}) as running:
        yield running


async def fetch(url: str, policy: AccessPolicy = ANY_HOST, **more: Any) -> str:
    """The body of an answer, or why there is none."""
    options = more.pop("options", Options(timeout_s=5))
    resolve = more.pop("resolve", connecting.system_addresses)
    try:
        async with Client(policy, options, resolve) as client:
            sending = Sending(more.pop("method", "GET"), parse_url(url), more.pop("headers", {}), **more)
            async with client.exchange(sending) as answer:
                return (await answer.aread()).decode()
    except StepError as error:
        return f"refused: {error}"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param("127.0.0.1", "a loopback address", marks=pytest.mark.hostile("ssrf-loopback", "an address of this machine")),
        pytest.param("localhost", "a loopback address", marks=pytest.mark.hostile("ssrf-localhost", "a name of this machine")),
        pytest.param("127.9.9.9", "a loopback address", marks=pytest.mark.hostile("ssrf-loopback-range", "another loopback address")),
        pytest.param("[::1]", "a loopback address", marks=pytest.mark.hostile("ssrf-ipv6-loopback", "this machine by IPv6")),
        pytest.param("0.0.0.0", "no host's address", marks=pytest.mark.hostile("ssrf-unspecified", "0.0.0.0, which is this machine to the system")),
        pytest.param("[::]", "no host's address", marks=pytest.mark.hostile("ssrf-ipv6-unspecified", "the IPv6 address of no host, which is this machine to the system")),
        pytest.param("2130706433", "an unusual form", marks=pytest.mark.hostile("ssrf-decimal", "127.0.0.1 as one decimal number")),
        pytest.param("0x7f000001", "an unusual form", marks=pytest.mark.hostile("ssrf-hexadecimal", "127.0.0.1 as one hexadecimal number")),
        pytest.param("0177.0.0.1", "Invalid IPv4 address", marks=pytest.mark.hostile("ssrf-octal", "127.0.0.1 with an octal part")),
        pytest.param("0x7f.0x0.0x0.0x1", "an unusual form", marks=pytest.mark.hostile("ssrf-hexadecimal-parts", "127.0.0.1 in hexadecimal parts")),
        pytest.param("127.1", "an unusual form", marks=pytest.mark.hostile("ssrf-short", "127.0.0.1 in two parts")),
        pytest.param("127.0.0.1.", "an unusual form", marks=pytest.mark.hostile("ssrf-last-dot", "127.0.0.1 with a dot at its end")),
        pytest.param("169.254.169.254", "a link-local address", marks=pytest.mark.hostile("ssrf-metadata", "the metadata service of clouds")),
        pytest.param("[fe80::1]", "a link-local address", marks=pytest.mark.hostile("ssrf-ipv6-link-local", "a link-local address by IPv6")),
        pytest.param("10.0.0.1", "a private address", marks=pytest.mark.hostile("ssrf-private-10", "a private address, 10/8")),
        pytest.param("172.16.0.1", "a private address", marks=pytest.mark.hostile("ssrf-private-172", "a private address, 172.16/12")),
        pytest.param("192.168.1.1", "a private address", marks=pytest.mark.hostile("ssrf-private-192", "a private address, 192.168/16")),
        pytest.param("100.64.0.1", "a provider's shared address", marks=pytest.mark.hostile("ssrf-shared", "a provider's shared address, 100.64/10")),
        pytest.param("[fd00::1]", "a private address", marks=pytest.mark.hostile("ssrf-ipv6-private", "a private address by IPv6")),
        pytest.param("[fec0::1]", "a private address", marks=pytest.mark.hostile("ssrf-ipv6-site", "a site's address by IPv6")),
        pytest.param("224.0.0.1", "a multicast address", marks=pytest.mark.hostile("ssrf-multicast", "a multicast address")),
        pytest.param("[ff02::1]", "a multicast address", marks=pytest.mark.hostile("ssrf-ipv6-multicast", "a multicast address by IPv6")),
        pytest.param("255.255.255.255", "no host's address", marks=pytest.mark.hostile("ssrf-broadcast", "everybody's address")),
        pytest.param("[::ffff:127.0.0.1]", "a loopback address (as 127.0.0.1", marks=pytest.mark.hostile("ssrf-mapped", "127.0.0.1 as an IPv6 address")),
        pytest.param("[::ffff:7f00:1]", "a loopback address (as 127.0.0.1", marks=pytest.mark.hostile("ssrf-mapped-hexadecimal", "127.0.0.1 as an IPv6 address, in hexadecimal")),
        pytest.param("[::127.0.0.1]", "a loopback address (as 127.0.0.1", marks=pytest.mark.hostile("ssrf-compatible", "127.0.0.1 as a compatible IPv6 address")),
        pytest.param("[64:ff9b::7f00:1]", "a loopback address (as 127.0.0.1", marks=pytest.mark.hostile("ssrf-nat64", "127.0.0.1 behind a NAT64 gateway")),
        pytest.param("[64:ff9b::a9fe:a9fe]", "a link-local address (as 169.254.169.254", marks=pytest.mark.hostile("ssrf-nat64-metadata", "the metadata service behind a NAT64 gateway")),
        pytest.param("[2002:7f00:1::]", "a loopback address (as 127.0.0.1", marks=pytest.mark.hostile("ssrf-6to4", "127.0.0.1 in a 6to4 address")),
        pytest.param("[2001:0:4136:e378::1]", "a tunnel's address", marks=pytest.mark.hostile("ssrf-teredo", "an address in a Teredo tunnel")),
        pytest.param("[fe80::1%25lo]", "names a network interface", marks=pytest.mark.hostile("ssrf-zone", "an address with a network interface")),
        pytest.param("\uff11\uff12\uff17.0.0.1", "Invalid IDNA hostname", marks=pytest.mark.hostile("ssrf-wide-digits", "127.0.0.1 in other digits of Unicode")),
        pytest.param("127\u30020\u30020\u30021", "a loopback address", marks=pytest.mark.hostile("ssrf-wide-dots", "127.0.0.1 with other dots of Unicode")),
        pytest.param("example.com%00.127.0.0.1", "no host's name", marks=pytest.mark.hostile("ssrf-nul", "a name with a NUL in it")),
        pytest.param("a_b.123", "no host's name", marks=pytest.mark.hostile("ssrf-number-at-end", "a name that ends in a number, as only addresses do")),
    ],
)  # fmt: skip
async def test_addresses_that_are_not_the_internets(server: HttpServer, host: str, reason: str) -> None:
    said = await fetch(f"http://{host}:{server.port}/")
    assert said.startswith("refused: ")
    assert reason in said
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://user:pass@{host}/", "holds a user or a password", marks=pytest.mark.hostile("url-credentials", "an address with a password in it")),
        pytest.param("http://good.example@{host}/", "holds a user or a password", marks=pytest.mark.hostile("url-host-as-user", "an address that looks like another host's")),
        pytest.param("http://{host}\\@good.example/", "a blank, a backslash", marks=pytest.mark.hostile("url-backslash", "an address that is read in two ways")),
        pytest.param("http://{host}/\r\nX-Evil: 1", "control character", marks=pytest.mark.hostile("url-line-break", "an address with a header in it")),
        pytest.param("file:///etc/passwd", "cannot be requested", marks=pytest.mark.hostile("url-file", "a file's address")),
        pytest.param("gopher://{host}/x", "cannot be requested", marks=pytest.mark.hostile("url-gopher", "an address of another protocol")),
        pytest.param("unix:///var/run/docker.sock", "cannot be requested", marks=pytest.mark.hostile("url-unix-socket", "a socket's address")),
        pytest.param("http:///path", "names no host", marks=pytest.mark.hostile("url-without-host", "an address without a host")),
    ],
)  # fmt: skip
async def test_addresses_that_say_something_else(server: HttpServer, url: str, reason: str) -> None:
    allowed = AccessPolicy(hosts=("*",), private_hosts=("*",))
    said = await fetch(url.replace("{host}", server.host), allowed)
    assert said.startswith("refused: ")
    assert reason in said
    assert not server.requests


@pytest.mark.hostile("ssrf-host-not-allowed", "a host that the policy does not name")
async def test_a_host_that_is_not_named_is_not_even_resolved() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        raise AssertionError("resolved")

    said = await fetch("http://secret-data.evil.example/", AccessPolicy(hosts=("good.example",)), resolve=resolve)
    assert "`secret-data.evil.example:80` may not be reached" in said


def allowing(*servers: HttpServer) -> AccessPolicy:
    hosts = tuple(server.host for server in servers)
    return AccessPolicy(hosts=hosts, private_hosts=hosts)


@pytest.mark.hostile("ssrf-rebinding", "a name that has another address when it is looked up again")
async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    connected: list[str] = []

    class Recording(connecting.httpcore.AnyIOBackend):
        async def connect_tcp(self, host: str, *_arguments: Any, **_options: Any) -> Any:
            connected.append(host)
            raise connecting.httpcore.ConnectError("no internet here")

    monkeypatch.setattr(connecting.httpcore, "AnyIOBackend", Recording)
    async with Client(ANY_HOST, Options(timeout_s=5), resolve) as client:
        with pytest.raises(StepError, match="the connection failed"):
            async with client.exchange(Sending("GET", parse_url(f"http://rebind.example:{server.port}/"), {})):
                pass
    assert asked == ["rebind.example"]
    assert connected == ["93.184.216.34"]
    assert not server.requests


@pytest.mark.hostile("ssrf-mixed-addresses", "a name with a public and a private address")
async def test_one_private_address_among_others_is_enough() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    assert "a loopback address, 127.0.0.1" in await fetch("http://mixed.example/", resolve=resolve)


@pytest.mark.hostile("ssrf-private-name", "a public name that has a private address")
async def test_a_name_with_a_private_address(server: HttpServer) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    url = f"http://public.example:{server.port}/"
    assert "a loopback address, 127.0.0.1" in await fetch(url, resolve=resolve)
    named = AccessPolicy(hosts=("public.example",), private_hosts=("public.example",))
    assert await fetch(url, named, resolve=resolve) == "inside"
    assert server.requests[0].headers["host"] == f"public.example:{server.port}"


@pytest.mark.hostile("ssrf-private-pattern", "that a private host is allowed allows no other")
async def test_private_hosts_are_named_one_by_one(server: HttpServer) -> None:
    policy = AccessPolicy(hosts=("*",), private_hosts=(f"127.0.0.1:{server.port + 1}",))
    assert "a loopback address" in await fetch(server.url, policy)


@pytest.mark.hostile("ssrf-redirect", "a redirect to a private address")
async def test_a_redirect_is_checked_as_the_first_address_was(server: HttpServer) -> None:
    with HttpServer({"/": lambda _: (302, {"Location": server.url}, b"")}) as first:
        policy = AccessPolicy(hosts=("*",), private_hosts=(first.host,))
        assert "a loopback address" in await fetch(first.url, policy)
        assert f"`{server.host}` may not be reached" in await fetch(first.url, allowing(first))
        assert await fetch(first.url, allowing(first, server)) == "inside"
    assert len(server.requests) == 1


@pytest.mark.hostile("ssrf-redirect-scheme", "a redirect to a file")
async def test_a_redirect_to_another_scheme(server: HttpServer) -> None:
    with HttpServer({"/": lambda _: (302, {"Location": "file:///etc/passwd"}, b"")}) as first:
        assert "`file` cannot be requested" in await fetch(first.url, allowing(first))


@pytest.mark.hostile("ssrf-redirect-loop", "redirects without end")
async def test_redirects_end() -> None:
    with HttpServer({"/": lambda _: (302, {"Location": "/"}, b"")}) as first:
        assert "more than 5 redirects" in await fetch(first.url, allowing(first))
        assert len(first.requests) == 6


@pytest.mark.hostile("redirect-credentials", "a redirect that takes the credentials to another host")
async def test_credentials_stay_with_their_host(server: HttpServer) -> None:
    headers = {"Authorization": "Bearer tops3cret", "X-API-Key": "tops3cret", "Cookie": "tops3cret", "Accept": "a/b"}
    with HttpServer({"/": lambda _: (302, {"Location": server.url}, b""), "/same": lambda _: (302, {"Location": "/"}, b"")}) as first:  # fmt: skip
        assert await fetch(f"{first.url}/same", allowing(first, server), headers=headers) == "inside"
        assert first.requests[1].headers["authorization"] == "Bearer tops3cret"
    assert "tops3cret" not in str(server.requests[0].headers)
    assert server.requests[0].headers["accept"] == "a/b"


@pytest.mark.hostile("redirect-body", "a redirect that takes the body to another host")
async def test_a_body_stays_with_its_host(server: HttpServer) -> None:
    with HttpServer({"/": lambda _: (307, {"Location": server.url}, b"")}) as first:
        body = {"body": lambda: {"content": b"tops3cret"}, "has_body": True, "method": "POST"}
        assert "redirects the body to another host" in await fetch(first.url, allowing(first, server), **body)
    assert not server.requests


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, signed by itself; key and certificate in one file."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    key = file.with_suffix(".key")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    make = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(file),
    )
    try:
        subprocess.run([*make, *subject], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no certificate could be made: {error}")
    file.write_bytes(file.read_bytes() + key.read_bytes())
    return file


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.hostile("redirect-downgrade", "a redirect from https to http")
async def test_https_is_not_left(server: HttpServer, certificate: Path) -> None:
    with HttpServer({"/": lambda _: (302, {"Location": server.url}, b"")}, tls(certificate)) as first:
        hosts = (f"localhost:{first.port}", server.host)
        policy = AccessPolicy(hosts=hosts, private_hosts=hosts)
        options = Options(timeout_s=5, ca_file=str(certificate))
        said = await fetch(f"https://localhost:{first.port}/", policy, options=options)
    assert "redirects from https to http" in said
    assert not server.requests


@pytest.mark.hostile("tls-wrong-certificate", "a host whose certificate is another's, or nobody's")
async def test_certificates_are_of_the_name_that_was_asked_for(certificate: Path) -> None:
    with HttpServer({"/": lambda _: (200, {}, b"ok")}, tls(certificate)) as server:
        policy = AccessPolicy(hosts=("*",), private_hosts=("*",))
        trusting = Options(timeout_s=5, ca_file=str(certificate))
        url = f"https://localhost:{server.port}/"
        assert await fetch(url, policy, options=trusting) == "ok"
        assert "certificate is not valid" in await fetch(url, policy)

        async def resolve(_host: str, _port: int) -> list[str]:
            return ["127.0.0.1"]

        said = await fetch(f"https://other.example:{server.port}/", policy, options=trusting, resolve=resolve)
        assert "certificate is not valid" in said


@pytest.mark.hostile("proxy-from-environment", "a proxy that the environment names")
async def test_no_proxy_is_taken_from_the_environment(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpServer({}) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert await fetch(server.url, allowing(server)) == "inside"
        assert not proxy.requests


async def api(policy: AccessPolicy, settings: dict[str, Any], **secrets: str) -> tuple[Any, str]:
    """The step's output, and all that the run shows."""
    text = json.dumps({"version": 1, "name": "p", "steps": {"a": {"type": "api", "with": settings}}})
    sources = {name: SecretSource(command=("printf", "%s", value)) for name, value in secrets.items()}
    engine = Engine(policy=policy, secrets=Secrets(sources))
    seen: list[Any] = []
    result = await engine.run(loads(text, "json").unwrap(), on_event=seen.append)
    engine.close()
    return result.outputs.get("a"), f"{result.error} {result.outputs} {seen}"


def open_to(*servers: HttpServer, **more: Any) -> AccessPolicy:
    hosts = tuple(server.host for server in servers)
    return AccessPolicy(hosts=hosts, private_hosts=hosts, secrets=("*",), **more)


@pytest.mark.hostile("secret-in-http-error", "a host that answers with the credentials it was sent")
async def test_a_host_that_repeats_the_credentials() -> None:
    def mirror(request: Request) -> tuple[int, dict[str, str], bytes]:
        return 403, {"X-Mirror": "x"}, f"no: {request.headers} {request.query}".encode()

    with HttpServer({"/": mirror}) as server:
        auths: list[dict[str, Any]] = [
            {"type": "bearer", "token": "secret:mine"},
            {"type": "basic", "username": "u", "password": "secret:mine"},
            {"type": "key", "key": "secret:mine"},
            {"type": "key", "key": "secret:mine", "in": "query", "name": "k"},
        ]
        for auth in auths:
            _, shown = await api(open_to(server), {"url": server.url, "auth": auth}, mine="tops3cret-value")
            assert "was answered 403" in shown
            assert "tops3cret-value" not in shown
            assert "dTp0b3BzM2NyZXQtdmFsdWU" not in shown
        received = [str(request) for request in server.requests]
        assert all("tops3cret-value" in text or "dTp0b3BzM2NyZXQtdmFsdWU" in text for text in received)


@pytest.mark.hostile("header-injection", "a header's value with another header in it")
async def test_headers_cannot_be_smuggled(server: HttpServer) -> None:
    for headers in ({"X": "1\r\nHost: evil"}, {"X\nY": "1"}, {"Content-Length": "0"}, {"Transfer-Encoding": "chunked"}):
        output, shown = await api(open_to(server), {"url": server.url, "headers": headers})
        assert output is None
        assert "line break" in shown or "is ours to set" in shown
    assert not server.requests


@pytest.mark.hostile("http-large-answer", "an answer that is larger than it may be, or does not end")
async def test_answers_are_bounded() -> None:
    with HttpServer({"/": lambda _: (200, {}, b"x" * 300_000), "/lie": lambda _: (200, {"content-length": "99999999999"}, b"x")}) as server:  # fmt: skip
        for path in ("/", "/lie"):
            _, shown = await api(open_to(server, max_response_bytes=200_000), {"url": server.url + path})
            assert "larger than the 200,000 bytes" in shown


@pytest.mark.hostile("http-compression-bomb", "a small answer that grows when it is decoded")
async def test_decoded_answers_are_bounded() -> None:
    zeros = b"\0" * 50_000_000
    routes = {
        "/gzip": lambda _: (200, {"content-encoding": "gzip"}, gzip.compress(zeros)),
        "/deflate": lambda _: (200, {"content-encoding": "deflate"}, zlib.compress(zeros)),
        "/br": lambda _: (200, {"content-encoding": "br"}, b"x"),
    }
    with HttpServer(routes) as server:
        policy = open_to(server, max_response_bytes=1_000_000)
        for path in ("/gzip", "/deflate"):
            assert "larger than the 1,000,000 bytes" in (await api(policy, {"url": server.url + path}))[1]
        assert "which was not asked for" in (await api(policy, {"url": f"{server.url}/br"}))[1]


@pytest.mark.hostile("http-deep-json", "an answer that is nested deeper than a parser can follow")
async def test_nesting_is_bounded() -> None:
    with HttpServer({"/": lambda _: (200, {"content-type": "application/json"}, b"[" * 100_000)}) as server:
        assert "the answer is not JSON" in (await api(open_to(server), {"url": server.url}))[1]


@pytest.mark.hostile("http-slow-answer", "an answer that comes byte by byte for ever")
async def test_the_whole_answer_has_a_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        said = await fetch(
            f"http://{host}/", AccessPolicy(hosts=(host,), private_hosts=(host,)), options=Options(timeout_s=0.3)
        )
    assert "no whole answer within 0.3 s" in said or "did not answer in time" in said


@pytest.mark.hostile("http-endless-pages", "a listing that does not end")
async def test_pages_are_bounded() -> None:
    with HttpServer({"/": lambda r: json_answer([r.query.get("page")])}) as server:
        output, _ = await api(open_to(server), {"url": server.url, "pages": {"by": "page", "limit": 4}})
        assert (output["body"], output["more"], len(server.requests)) == (["1", "2", "3", "4"], True, 4)


@pytest.mark.hostile("http-next-page-elsewhere", "a listing whose next page is on another host")
async def test_pages_stay_on_their_host(server: HttpServer) -> None:
    with HttpServer({"/": lambda _: json_answer([1], link=f'<{server.url}/>; rel="next"')}) as first:
        settings = {"url": first.url, "pages": {"by": "link"}, "auth": {"type": "bearer", "token": "secret:mine"}}
        _, shown = await api(open_to(first, server), settings, mine="tops3cret-value")
    assert "the next page is said to be on another host" in shown
    assert not server.requests


@pytest.mark.hostile("http-token-elsewhere", "a token's address that the policy does not allow")
async def test_the_tokens_host_is_checked_too(server: HttpServer) -> None:
    auth = {"type": "oauth2", "token_url": "http://127.0.0.1:1/", "client_id": "c", "client_secret": "secret:mine"}
    _, shown = await api(open_to(server), {"url": server.url, "auth": auth}, mine="tops3cret-value")
    assert "`127.0.0.1:1` may not be reached" in shown
    assert not server.requests


@pytest.mark.hostile("http-save-outside", "an answer that is saved outside of the policy's folders, by a link or `..`")
async def test_saving_asks_the_policy(server: HttpServer, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    policy = open_to(server, write=(inside,))
    for target in ("../outside/x", "link/x", str(outside / "x"), ".git/hooks/pre-commit"):
        assert "may not be changed" in (await api(policy, {"url": server.url, "save_to": target}))[1]
    assert not list(outside.iterdir())
    assert not server.requests


@pytest.mark.hostile("http-send-outside", "a file from outside of the policy's folders as the body")
async def test_sending_asks_the_policy(server: HttpServer, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text("x")
    policy = open_to(server, read=(tmp_path / "inside",))
    attempts: list[dict[str, Any]] = [{"file": "../secret"}, {"files": {"f": {"path": str(tmp_path / "secret")}}}]
    for settings in attempts:
        assert "may not be read" in (await api(policy, {"url": server.url, "method": "POST", **settings}))[1]
    assert not server.requests


@pytest.mark.hostile("http-long-wait", "a host that asks to be left alone for years")
async def test_waiting_is_bounded() -> None:
    with HttpServer({"/": lambda _: (429, {"Retry-After": "999999999"}, b"")}) as server:
        assert "longer than we do" in (await api(open_to(server), {"url": server.url}))[1]
