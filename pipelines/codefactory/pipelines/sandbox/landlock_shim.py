"""A program that locks itself in with landlock, and becomes another. Runs alone: `python -I -S landlock_shim.py FD`.

FD is an open file with a marshalled dict: see `landlock.Landlock`. Three processes where there may be namespaces: the
keeper, which ends everything when it is asked to; the first process of a namespace of its own; the command. Without
them, two: what the command leaves behind falls to the keeper. The exit code is the command's, 128 + n after signal n,
126 when it could not be locked in and 127 when it could not be started.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import struct
import sys

TYPE_CHECKING = False
"""Every import is paid for at each run of a program: typing, json, contextlib and signal would double what it costs."""
if TYPE_CHECKING:
    import signal
    from typing import Any, NoReturn
else:
    import _signal as signal

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _SECCOMP, _CAPSET = range(5)
_CALLS = {"x86_64": (444, 445, 446, 317, 126), "aarch64": (444, 445, 446, 277, 91)}

_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_CAPBSET_DROP = 1, 28, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_NO_ROOT_AND_LOCKED = 0b11101111
"""NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE with their locks, KEEP_CAPS_LOCKED."""
_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC, _NEW_UTS = 0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x04000000
_SET_FILTER = 1
_INET, _DATAGRAM, _SET_INTERFACE_FLAGS, _UP_AND_RUNNING = 2, 2, 0x8914, 0x41

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_RIGHTS_BY_VERSION = (13, 14, 15, 15, 16)
_MAKE_DEVICES = 1 << 6 | 1 << 11
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)


class LockError(Exception):
    """A wall could not be put up."""


def main() -> NoReturn:
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        specification: dict[str, Any] = marshal.load(file)  # noqa: S302 our parent wrote it
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != specification["parent"]:
        sys.exit(1)
    isolated = bool(specification["namespaces"]) and _own_namespaces()
    if not isolated:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        if isolated:
            _first_process(specification)
        _become(specification, isolated=False)
    signal.signal(signal.SIGTERM, _asked_to_leave)
    _leave(_code_of(child))


def _asked_to_leave(_signal: int, _frame: object) -> None:
    _leave(143)


def _leave(code: int) -> NoReturn:
    """End everything below us, and go."""
    while below := _children():
        try:
            for pid in below:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)
        except OSError:
            continue
    os._exit(code)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:  # noqa: PTH123 imports little
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _code_of(child: int) -> int:
    """Wait for it, and for whatever else ends meanwhile."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


def _own_namespaces() -> bool:
    user, group = os.getuid(), os.getgid()
    others = _NEW_PID | _NEW_NET | _NEW_IPC | _NEW_UTS
    if _libc.unshare(_NEW_USER | others) == 0:
        try:
            for name, line in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 imports little
                    file.write(line)
        except OSError as error:
            _refuse(f"the user could not be mapped: {error}")
    elif _libc.unshare(others) != 0:
        return False
    any_socket = _libc.socket(_INET, _DATAGRAM, 0)
    if any_socket >= 0:
        _libc.ioctl(any_socket, _SET_INTERFACE_FLAGS, struct.pack("16sh22x", b"lo", _UP_AND_RUNNING))
        os.close(any_socket)
    return True


def _first_process(specification: dict[str, Any]) -> NoReturn:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    child = os.fork()
    if child == 0:
        _become(specification, isolated=True)
    os._exit(_code_of(child))


def _become(specification: dict[str, Any], *, isolated: bool) -> NoReturn:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    arguments, environment = specification["arguments"], specification["environment"]
    try:
        os.setsid()
        os.chdir(specification["folder"])
        for name, bounds in specification["bounds"].items():
            _bound(getattr(resource, name), bounds)
        _lock(specification, isolated=isolated)
    except (OSError, LockError) as error:
        _refuse(str(error))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606 no shell is wanted
    except OSError as error:
        os.write(2, f"{arguments[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _refuse(reason: str) -> NoReturn:
    os.write(2, f"the program was not started, as it could not be locked in: {reason}\n".encode())
    os._exit(126)


def _bound(which: int, bounds: list[int]) -> None:
    """A bound that is there already and lower stays."""
    _, hard = resource.getrlimit(which)
    soft, most = (min(b, hard) if hard != resource.RLIM_INFINITY else b for b in bounds)
    resource.setrlimit(which, (soft, most))


def _lock(specification: dict[str, Any], *, isolated: bool) -> None:
    calls = _CALLS[os.uname().machine]
    _libc.prctl(_PR_SET_SECUREBITS, _NO_ROOT_AND_LOCKED, 0, 0, 0)
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    _must(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _restrict(calls, specification)
    header, nothing = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _must(_libc.syscall(calls[_CAPSET], header, nothing), "capset")
    code: bytes = specification["filter" if isolated else "filter_without_namespaces"]
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    _must(_libc.syscall(calls[_SECCOMP], _SET_FILTER, 0, filter_), "seccomp")


def _restrict(calls: tuple[int, ...], specification: dict[str, Any]) -> None:
    abi: int = specification["abi"]
    every = (1 << _RIGHTS_BY_VERSION[min(abi, 5) - 1]) - 1
    attributes = struct.pack("=QQQ", every, 3 if abi >= 4 and not specification["namespaces"] else 0, 3)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _libc.syscall(calls[_CREATE_RULESET], attributes, ctypes.c_size_t(size), 0)
    _must(ruleset, "landlock_create_ruleset")
    for path in specification["read"]:
        _allow(calls, ruleset, path, _READING & every)
    for path in specification["write"]:
        _allow(calls, ruleset, path, every & ~_MAKE_DEVICES)
    for path in _DEVICES:
        _allow(calls, ruleset, path, (_READ_FILE | _WRITE_FILE) & every)
    _must(_libc.syscall(calls[_RESTRICT_SELF], ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _allow(calls: tuple[int, ...], ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 imports little
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, place)
        _must(_libc.syscall(calls[_ADD_RULE], ruleset, 1, rule, 0), f"landlock_add_rule for {path}")
    finally:
        os.close(place)


def _must(result: int, what: str) -> None:
    if result < 0:
        raise LockError(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
