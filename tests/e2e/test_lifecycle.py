"""The server as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
from editor import SERVER, children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def send(process: subprocess.Popen[bytes], method: str, params: Any, request_id: int | None = None) -> None:
    message = {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": request_id} if request_id else {})
    body = json.dumps(message).encode()
    stream = pipe(process.stdin)
    stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    stream.flush()


def receive(process: subprocess.Popen[bytes]) -> Any:
    length = 0
    while (line := pipe(process.stdout).readline()) != b"\r\n":
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    return json.loads(pipe(process.stdout).read(length))


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def initialize(process: subprocess.Popen[bytes], pid: int | None = None, **options: Any) -> Any:
    params = {"processId": pid, "rootUri": None, "capabilities": {}, "initializationOptions": options}
    send(process, "initialize", params, 1)
    answer = receive(process)
    send(process, "initialized", {})
    return answer["result"]


def wait(condition: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_what_it_offers(server: subprocess.Popen[bytes]) -> None:
    result = initialize(server)
    capabilities = result["capabilities"]
    assert result["serverInfo"]["name"] == "codefactory"
    assert capabilities["textDocumentSync"]["change"] == 2
    assert capabilities["codeActionProvider"]["codeActionKinds"] == ["quickfix", "source.fixAll.codefactory"]
    assert capabilities["positionEncoding"] == "utf-16"
    assert "codefactory.repairFile" in capabilities["executeCommandProvider"]["commands"]


@pytest.mark.parametrize(("goodbye", "code"), [(True, 0), (False, 1)])
def test_exit(server: subprocess.Popen[bytes], goodbye: bool, code: int) -> None:
    initialize(server)
    assert wait(lambda: bool(children(server.pid)))  # the worker warms up
    workers = children(server.pid)
    if goodbye:
        send(server, "shutdown", None, 2)
    send(server, "exit", None)
    assert server.wait(15) == code
    assert wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_it_ends_when_its_input_does(server: subprocess.Popen[bytes]) -> None:
    initialize(server)
    assert wait(lambda: bool(children(server.pid)))
    workers = children(server.pid)
    pipe(server.stdin).close()
    assert server.wait(15) == 1
    assert wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_it_ends_when_its_parent_does(server: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen(["sleep", "600"]) as parent:
        initialize(server, parent.pid)
        parent.kill()
    assert server.wait(15) == 1


def test_a_killed_server_leaves_no_worker(server: subprocess.Popen[bytes]) -> None:
    initialize(server)
    assert wait(lambda: bool(children(server.pid)))
    workers = children(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    assert wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_what_somebody_prints_does_not_reach_the_protocol() -> None:
    script = (
        "from codefactory.server import process\n"
        "source, sink = process.take_streams()\n"
        "import os; print('stray'); os.write(1, b'stray'); os.system('echo stray')\n"
        "sink.write(b'message ' + source.read()); sink.flush()\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], input=b"input", capture_output=True, check=True)
    assert done.stdout == b"message input"
    assert done.stderr.count(b"stray") == 3


def test_no_secret_is_logged() -> None:
    command = [*SERVER, "--log-level", "debug"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        initialize(server, secrets={"model.apiKey": "sk-first-secret"})
        send(server, "codefactory/setSecret", {"name": "model.apiKey", "value": "sk-second-secret"})
        send(server, "codefactory/setSecret", {"name": "model.apiKey", "value": ["sk-third-secret"]})
        send(server, "textDocument/hover", {"sk-fourth-secret": "sk-fifth-secret"}, 2)
        send(server, "shutdown", None, 3)
        while receive(server).get("id") != 3:
            pass
        send(server, "exit", None)
        log = pipe(server.stderr).read()
    assert b"secret needs" in log.replace(b"codefactory/setSecret", b"secret")  # it did log something
    assert b"-secret" not in log


def test_version() -> None:
    done = subprocess.run([*SERVER[:-1], "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("codefactory ")


def test_tcp() -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([*SERVER[:-1], "--tcp", str(port)], stderr=subprocess.PIPE) as server:
        connection: list[socket.socket] = []

        def connect() -> bool:
            try:
                connection.append(socket.create_connection(("127.0.0.1", port), 1))
            except OSError:
                return False
            return True

        assert wait(connect)
        params = {"processId": None, "rootUri": None, "capabilities": {}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
        with connection[0] as client:
            client.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            assert client.recv(64).startswith(b"Content-Length")
        try:
            assert server.wait(15) == 1
        finally:
            server.kill()
