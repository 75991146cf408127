"""The filter, run by an interpreter of BPF: which calls it refuses, on machines that this is not."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from codefactory.pipelines.sandbox import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = list(seccomp.ARCHITECTURES)


def verdict(code: bytes, architecture: int, number: int, *arguments: int) -> str:
    """What the filter says of a call: "allow", "kill", or the name of an error."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    instructions = list(struct.iter_unpack("=HBBI", code))
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, value = instructions[at]
        at += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, value)[0]
            case 0x54:
                accumulator &= value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x06:
                return "allow" if value == ALLOW else "kill" if value == KILL else errno.errorcode[value & 0xFFFF]
            case _:
                raise AssertionError(hex(operation))


def call(machine: str, name: str, *arguments: int, **options: Any) -> str:
    number = seccomp.NUMBERS[name][MACHINES.index(machine)]
    return verdict(seccomp.program(machine, **options), seccomp.ARCHITECTURES[machine], number, *arguments)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "options", "expected"),
    [
        ("ptrace", (16, 1), {}, "EPERM"),
        ("clone", (0x11,), {}, "allow"),
        ("clone", (0x10000000 | 0x11,), {}, "EPERM"),
        ("clone", (0x3D0F00,), {}, "allow"),
        ("clone3", (), {}, "ENOSYS"),
        ("unshare", (0x400,), {}, "allow"),
        ("unshare", (0x20000,), {}, "EPERM"),
        ("ioctl", (0, 0x5412), {}, "EPERM"),
        ("ioctl", (0, 0x5412 | 1 << 40), {}, "EPERM"),
        ("ioctl", (0, 0x5413), {}, "allow"),
        ("socket", (2, 1), {}, "allow"),
        ("socket", (40, 1), {}, "EAFNOSUPPORT"),
        ("socket", (1, 1), {"sockets": "internet"}, "EAFNOSUPPORT"),
        ("socket", (2, 1), {"sockets": "none"}, "EAFNOSUPPORT"),
        ("fchmod", (3, 0o755), {}, "allow"),
        ("fchmod", (3, 0o4755), {}, "EPERM"),
        ("fchmod", (3, 0o755), {"landlock": True}, "EPERM"),
        ("openat", (0, 0, 0o101, 0o644), {}, "allow"),
        ("openat", (0, 0, 0o101, 0o4755), {}, "EPERM"),
        ("openat", (0, 0, 0, 0o4755), {}, "allow"),
        ("mknodat", (0, 0, 0o010644, 0), {}, "allow"),
        ("mknodat", (0, 0, 0o060644, 0), {}, "EPERM"),
        ("truncate", (0, 0), {"landlock": True}, "allow"),
        ("truncate", (0, 0), {"landlock": True, "truncation": False}, "EPERM"),
        ("kill", (1, 9), {}, "allow"),
        ("kill", (1, 9), {"signals": False}, "EPERM"),
        ("prlimit64", (0, 1), {"landlock": True}, "allow"),
        ("prlimit64", (77, 1), {"landlock": True}, "EPERM"),
    ],
)  # fmt: skip
def test_calls(machine: str, name: str, arguments: tuple[int, ...], options: dict[str, Any], expected: str) -> None:
    assert call(machine, name, *arguments, **options) == expected


def test_calls_of_other_architectures() -> None:
    code = seccomp.program("x86_64")
    assert verdict(code, seccomp.ARCHITECTURES["x86_64"], 0) == "allow"
    assert verdict(code, 0x40000003, 26) == "kill"
    assert verdict(code, seccomp.ARCHITECTURES["x86_64"], 0x40000000 + 101) == "ENOSYS"
    with pytest.raises(ValueError, match="riscv64"):
        seccomp.program("riscv64")


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_the_kernels(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"there is no {header} here")
    pairs = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text())
    known = {name: int(number) for name, number in pairs}
    ours = {name: numbers[MACHINES.index(machine)] for name, numbers in seccomp.NUMBERS.items()}
    assert {name: number for name, number in ours.items() if name in known} == {n: known[n] for n in ours if n in known}
    assert len(ours.keys() & known.keys()) > 80
