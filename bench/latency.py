"""How fast the language server is, against its peers, on this machine, in this run.

    .venv/bin/python bench/latency.py [--repeat 25]

didChange → diagnostics: ours, `ruff server` alone, python-lsp-server with python-lsp-ruff (installed into .bench/),
and the command lines of ruff and bandit. Start → `initialize` answered: ours and a bare pygls server. Memory. Hover
while an analysis runs. The files are made of the standard library's own code, cut to length.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
OURS = [sys.executable, "-I", "-m", "codefactory.server", "--stdio"]
BARE = [sys.executable, "-I", "-c", "from pygls.lsp.server import LanguageServer as S; S('bare', '1').start_io()"]
PEERS = ROOT / ".bench" / "pylsp"
RULES = 'lint.select = ["E", "F", "S", "B", "W"]\n'
MODULES = ("subprocess", "tempfile", "http.server", "urllib.request", "tarfile", "ftplib", "shelve", "pickletools")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=25, help="measurements per figure")
    parser.add_argument("--without-pylsp", action="store_true", help="do not install and measure python-lsp-server")
    chosen = parser.parse_args()
    pylsp = None if chosen.without_pylsp else install_pylsp()
    rows = [["", "ours", "peer", "goal", ""]]
    start(rows, max(5, chosen.repeat // 3))
    for lines in (300, 3000):
        latency(rows, lines, chosen.repeat, pylsp)
    print(f"Medians in ms (10th to 90th percentile), n = {chosen.repeat}; load average {os.getloadavg()[0]:.1f}\n")
    print_table(rows)


def start(rows: list[list[str]], repeat: int) -> None:
    ours, bare = [], []
    for _ in range(repeat):  # in turns, so that a busy moment hits both
        ours.append(start_ms(OURS))
        bare.append(start_ms(BARE))
    ratio = statistics.median(ours) / statistics.median(bare)
    rows.append(
        ["start → initialize answered", said(ours), f"bare pygls {said(bare)}", "≤ 1.3 ×", mark(ratio, 1.3, "×")]
    )


def start_ms(command: list[str]) -> float:
    began = time.perf_counter()
    with Client(command, ROOT) as client:
        client.initialize()
        return (time.perf_counter() - began) * 1e3


def latency(rows: list[list[str]], lines: int, repeat: int, pylsp: list[str] | None) -> None:
    source = real_code(lines)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "ruff.toml").write_text(RULES)
        path = folder / "code.py"
        path.write_text(source)
        ruff, both, hovers, memory, worker = ours_ms(folder, path, source, repeat)
        pulled = pull_ms(folder, path, source, repeat)
        peer = peer_ms([str(BIN / "ruff"), "server"], folder, path, source, repeat)
        cli = command_ms([str(BIN / "bandit"), "-q", "-f", "json", str(path)], repeat)
        ruff_cli = command_ms([str(BIN / "ruff"), "check", "--no-cache", "-q", str(path)], repeat)
        goals = {300: (10.0, 30.0), 3000: (None, 150.0)}[lines]
        rows += [
            [
                f"{lines} lines: didChange → ruff's findings",
                said(ruff),
                f"ruff server {said(peer)}; ruff check {said(ruff_cli)}",
                goal(goals[0]),
                mark(statistics.median(ruff), goals[0]),
            ],
            [
                f"{lines} lines: didChange → ruff + bandit",
                said(both),
                f"bandit's command line {said(cli)}",
                goal(goals[1]),
                mark(statistics.median(both), goals[1]),
            ],
            [f"{lines} lines: didChange → pulled, all", said(pulled), "", "", ""],
            [
                f"{lines} lines: hover right after didChange",
                f"{said(hovers)}, worst {max(hovers):.1f}",
                "",
                "< 20 ms",
                mark(statistics.median(hovers), 20),
            ],
            [
                f"{lines} lines: resident memory, server + worker",
                f"{memory} + {worker} MB",
                "",
                "≤ 90 MB",
                mark(memory, 90, "MB"),
            ],
        ]
        if pylsp:
            slow = peer_ms(pylsp, folder, path, source, max(3, repeat // 3), PYLSP)
            rows[-5][2] += f"; pylsp + ruff {said(slow)}"


def ours_ms(
    folder: Path, path: Path, source: str, repeat: int
) -> tuple[list[float], list[float], list[float], int, int]:
    """didChange → ruff's findings, → bandit's too, a hover right after it; memory of the server and its workers, MB."""
    ruff, both, hovers = [], [], []
    with Client(OURS, folder) as client:
        client.open(path, source)
        client.until(lambda m: m.get("method") == "textDocument/publishDiagnostics")
        time.sleep(2)
        client.drain()
        for number in range(repeat):
            began, version = client.change(path, f"import unused_{number}\neval(unused)\n" + source)
            at, _ = client.until(lambda m, v=version, n=number: has(m, path, v, "F401", f"unused_{n}`"))
            ruff.append((at - began) * 1e3)
            while not has(_, path, version, "B307", ""):
                at, _ = client.until(lambda m, v=version: bool(published(m, path, v)))
            both.append((at - began) * 1e3)
            settle(client, path, source)
            client.change(path, f"# {number}\n" + source)
            sent = time.perf_counter()
            answered, _ = client.request("textDocument/hover", position(path, 5, 3))
            hovers.append((answered - sent) * 1e3)
            settle(client, path, source)
        memory = rss_mb(client.process.pid)
        workers = sum(rss_mb(child) for child in children(client.process.pid))
    return ruff, both, hovers, memory, workers


def settle(client: Client, path: Path, source: str) -> None:
    """Back to the original text, and a pause as a typist makes one."""
    client.change(path, source)
    time.sleep(0.25)
    client.drain()


def pull_ms(folder: Path, path: Path, source: str, repeat: int) -> list[float]:
    times = []
    with Client(OURS, folder, pull=True) as client:
        client.open(path, source)
        time.sleep(2.5)
        for number in range(repeat):
            began, _ = client.change(path, f"import unused_{number}\neval(unused)\n" + source)
            while True:
                at, answer = client.request("textDocument/diagnostic", {"textDocument": {"uri": path.as_uri()}})
                if any(d.get("code") == "B307" for d in answer["result"]["items"]):
                    break
            times.append((at - began) * 1e3)
            settle(client, path, source)
    return times


PYLSP: dict[str, Any] = {
    "pylsp": {
        "plugins": {"ruff": {"enabled": True, "executable": str(BIN / "ruff"), "select": ["E", "F", "S", "B", "W"]}}
    }
}


def peer_ms(
    command: list[str], folder: Path, path: Path, source: str, repeat: int, settings: dict[str, Any] | None = None
) -> list[float]:
    times = []
    with Client(command, folder, settings=settings) as client:
        client.open(path, source)
        client.until(lambda m: m.get("method") == "textDocument/publishDiagnostics")
        time.sleep(1)
        client.drain()
        for number in range(repeat):
            began, version = client.change(path, f"import unused_{number}\neval(unused)\n" + source)
            at, _ = client.until(lambda m, v=version, n=number: has(m, path, v, "F401", f"unused_{n}`"))
            times.append((at - began) * 1e3)
            settle(client, path, source)
    return times


def command_ms(command: list[str], repeat: int) -> list[float]:
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append((time.perf_counter() - began) * 1e3)
    return times


class Client:
    """The least of a language client: it costs nothing that would be measured."""

    def __init__(
        self, command: list[str], folder: Path, *, pull: bool = False, settings: dict[str, Any] | None = None
    ) -> None:
        self.folder, self.pull, self.settings = folder, pull, settings or {}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder
        )
        self.messages: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        self.version = 1
        self.id = 0
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def initialize(self) -> None:
        documents: dict[str, Any] = {"publishDiagnostics": {"versionSupport": True}}
        if self.pull:
            documents["diagnostic"] = {}
        params = {
            "processId": os.getpid(),
            "rootUri": self.folder.as_uri(),
            "workspaceFolders": [{"uri": self.folder.as_uri(), "name": "bench"}],
            "capabilities": {"textDocument": documents, "workspace": {"configuration": True}},
        }
        self.request("initialize", params)
        self.send({"method": "initialized", "params": {}})

    def open(self, path: Path, text: str) -> None:
        self.initialize()
        if self.settings:
            self.send({"method": "workspace/didChangeConfiguration", "params": {"settings": self.settings}})
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def change(self, path: Path, text: str) -> tuple[float, int]:
        """Replace the whole text; when that was sent, and the new version."""
        self.version += 1
        document = {"uri": path.as_uri(), "version": self.version}
        params = {"textDocument": document, "contentChanges": [{"text": text}]}
        began = time.perf_counter()
        self.send({"method": "textDocument/didChange", "params": params})
        return began, self.version

    def request(self, method: str, params: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        self.id += 1
        wanted = self.id
        self.send({"id": wanted, "method": method, "params": params})
        return self.until(lambda m: m.get("id") == wanted and "method" not in m)

    def until(self, wanted: Any, timeout_s: float = 60) -> tuple[float, dict[str, Any]]:
        while True:
            at, message = self.messages.get(timeout=timeout_s)
            if "method" in message and "id" in message:
                self.send({"id": message["id"], "result": self._answer(message)})
            elif wanted(message):
                return at, message

    def drain(self) -> None:
        while not self.messages.empty():
            _, message = self.messages.get()
            if "method" in message and "id" in message:
                self.send({"id": message["id"], "result": self._answer(message)})

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _answer(self, message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [self.settings.get(item.get("section") or "", {}) for item in message["params"]["items"]]

    def _read(self) -> None:
        assert self.process.stdout
        length = 0
        while line := self.process.stdout.readline():
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                message = json.loads(self.process.stdout.read(length))
                self.messages.put((time.perf_counter(), message))


def published(message: dict[str, Any], path: Path, version: int) -> list[dict[str, Any]]:
    """The diagnostics of a push for this version; pylsp gives no version."""
    params = message.get("params") or {}
    if message.get("method") != "textDocument/publishDiagnostics" or params["uri"] != path.as_uri():
        return []
    return params["diagnostics"] if params.get("version") in (version, None) else []


def has(message: dict[str, Any], path: Path, version: int, code: str, part: str) -> bool:
    return any(d.get("code") == code and part in d["message"] for d in published(message, path, version))


def position(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}


def real_code(lines: int) -> str:
    """Whole top-level statements of standard library modules, up to `lines` lines."""
    taken: list[str] = []
    for module in MODULES:
        spec = importlib.util.find_spec(module)
        assert spec
        assert spec.origin
        source = Path(spec.origin).read_text("utf-8").splitlines(keepends=True)
        for node in ast.parse("".join(source)).body:
            part = source[node.lineno - 1 : node.end_lineno]
            if len(taken) + len(part) <= lines and not isinstance(node, ast.ImportFrom):
                taken += part
        if lines - len(taken) < 10:
            break
    return "".join(taken)


def install_pylsp() -> list[str] | None:
    """python-lsp-server in an environment of its own; None, and a word about it, when that fails."""
    executable = PEERS / ("Scripts" if os.name == "nt" else "bin") / "pylsp"
    if not executable.exists():
        venv.create(PEERS, with_pip=True)
        command = [
            str(executable.with_name("python")),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        done = subprocess.run([*command, "python-lsp-server", "python-lsp-ruff"], capture_output=True, check=False)
        if done.returncode:
            print(f"python-lsp-server could not be installed: {done.stderr.decode()[-300:]}", file=sys.stderr)
            return None
    return [str(executable)]


def rss_mb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def children(pid: int) -> list[int]:
    return [int(c) for path in Path(f"/proc/{pid}/task").glob("*/children") for c in path.read_text().split()]


def said(times: list[float]) -> str:
    ordered = sorted(times)
    low, high = ordered[len(ordered) // 10], ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
    return f"{statistics.median(times):.1f} ({low:.1f}–{high:.1f})"


def goal(limit: float | None) -> str:
    return "" if limit is None else f"≤ {limit:.0f} ms"


def mark(value: float, limit: float | None, unit: str = "ms") -> str:
    if limit is None:
        return ""
    return (
        f"{'reached' if value <= limit else 'MISSED'}: {value:.2f} {unit}"
        if unit == "×"
        else ("reached" if value <= limit else "MISSED")
    )


def print_table(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if index == 0:
            print("  ".join("-" * width for width in widths))


if __name__ == "__main__":
    main()
