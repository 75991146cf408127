"""The filter of system calls, as the classic BPF program that seccomp(2) takes.

Walls of files, processes and network are the mechanisms' own; the filter takes away what reaches around them: tracing,
mounting, namespaces, kernel keys, loading code into the kernel, typing into terminals, set-user-ID files. What it
refuses fails with EPERM, or ENOSYS where programs then do it another way; system calls of another architecture end the
process.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux 6.18.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from typing import Literal

_LOAD_WORD = 0x20
_AND = 0x54
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000

_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32 = 0x40000000

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

NUMBERS: dict[str, tuple[int, int]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "uselib": (134, -1),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "lookup_dcookie": (212, 18),
    "fanotify_init": (300, 262),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    # Memory that no limit of a process counts.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # Does what other calls do, unseen by a filter.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "clone3": (435, 435),
    "openat2": (437, 437),
    # With conditions, below.
    "clone": (56, 220),
    "unshare": (272, 97),
    "ioctl": (16, 29),
    "socket": (41, 198),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "mkdir": (83, -1),
    "mkdirat": (258, 34),
    "mknod": (133, -1),
    "mknodat": (259, 33),
    "creat": (85, -1),
    "open": (2, -1),
    "openat": (257, 56),
    # Refused only where the walls are landlock's alone: it does not know these.
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "truncate": (76, 45),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "setpriority": (141, 140),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "process_madvise": (440, 440),
}
"""By name: (x86_64, aarch64); -1 where there is no such call."""

_CONDITIONAL = frozenset(
    (
        *("clone", "unshare", "ioctl", "socket", "chmod", "fchmod", "fchmodat", "fchmodat2", "mkdir", "mkdirat"),
        *("mknod", "mknodat", "creat", "open", "openat"),
    )
)
_LATER = frozenset(list(NUMBERS)[list(NUMBERS).index("chown") :])
_ABSENT = frozenset(
    ("memfd_create", "memfd_secret", "io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "openat2")
)

_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_NEW_TIME = 0x80
_TIOCSTI, _TIOCLINUX, _TIOCSETD = 0x5412, 0x541C, 0x5423
_SET_ID = 0o6000
_DEVICES = (0o020000, 0o060000)
_CREATING = 0o100 | 0o20000000
"""O_CREAT, O_TMPFILE without O_DIRECTORY."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16

Sockets = Literal["all", "internet", "none"]
"""None without "internet" or "all" but pairs; UNIX sockets, which are found by a file's name, with "all"."""
_FAMILIES: dict[Sockets, tuple[int, ...]] = {
    "all": (_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK),
    "internet": (_AF_INET, _AF_INET6, _AF_NETLINK),
    "none": (),
}


@dataclass(frozen=True, slots=True)
class _Any:
    """A bit of `mask` is set in the argument."""

    argument: int
    mask: int


@dataclass(frozen=True, slots=True)
class _Is:
    argument: int
    value: int
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _IsNone:
    """The argument is none of these."""

    argument: int
    values: tuple[int, ...]


_Condition = _Any | _Is | _IsNone


@dataclass(frozen=True, slots=True)
class _Rule:
    """The call is refused if all conditions hold."""

    name: str
    conditions: tuple[_Condition, ...] = ()
    error: int = errno.EPERM


def program(
    machine: str | None = None,
    *,
    sockets: Sockets = "all",
    landlock: bool = False,
    truncation: bool = True,
    signals: bool = True,
) -> bytes:
    """The filter for `machine` (default: this one), as an array of `struct sock_filter`.

    `sockets`: of which families; there may be pairs of them always. `landlock`: refuse what landlock does not know
    about files and other processes; `truncation`: it knows that. `signals`: whether there may be signals. Raises
    ValueError for a machine that there is no table for.
    """
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise ValueError(f"there is no filter of system calls for {machine}")
    column = list(ARCHITECTURES).index(machine)
    code = [
        _statement(_LOAD_WORD, _ARCHITECTURE_AT),
        _jump(_JUMP_EQUAL, ARCHITECTURES[machine], 1, 0),
        _statement(_RETURN, _KILL_PROCESS),
        _statement(_LOAD_WORD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        code += [_jump(_JUMP_AT_LEAST, _X32, 0, 1), _statement(_RETURN, _ERRNO | errno.ENOSYS)]
    for rule in _rules(sockets=sockets, landlock=landlock, truncation=truncation, signals=signals):
        number = NUMBERS[rule.name][column]
        if number >= 0:
            code += _compiled(number, rule)
    code.append(_statement(_RETURN, _ALLOW))
    return b"".join(code)


def _rules(*, sockets: Sockets, landlock: bool, truncation: bool, signals: bool) -> list[_Rule]:
    rules = [
        _Rule(name, error=errno.ENOSYS if name in _ABSENT else errno.EPERM)
        for name in NUMBERS
        if name not in _CONDITIONAL and name not in _LATER
    ]
    rules += [
        _Rule("clone", (_Any(0, _NEW_NAMESPACES),)),
        _Rule("unshare", (_Any(0, _NEW_NAMESPACES | _NEW_TIME),)),
        *(_Rule("ioctl", (_Is(1, request),)) for request in (_TIOCSTI, _TIOCLINUX, _TIOCSETD)),
        _Rule("socket", (_IsNone(0, _FAMILIES[sockets]),), errno.EAFNOSUPPORT),
        *(_Rule(name, (_Any(mode, _SET_ID),)) for name, mode in _MODES.items()),
        *(_Rule(name, (_Is(mode, kind, 0o170000),)) for name, mode in _NODES.items() for kind in _DEVICES),
        *(_Rule(name, (_Any(mode - 1, _CREATING), _Any(mode, _SET_ID))) for name, mode in _OPENING.items()),
    ]
    if landlock:
        known = _SIGNALS | _OF_ANOTHER | ({"truncate"} if truncation else set[str]())
        rules += [_Rule(name) for name in NUMBERS if name in _LATER and name not in known]
        rules += [_Rule(name, (_IsNone(0, (0,)),)) for name in NUMBERS if name in _OF_ANOTHER]
        rules += [_Rule(name) for name in _CHANGING_MODES]
    if not signals:
        rules += [_Rule(name) for name in _SIGNALS]
    return rules


_MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "mkdir": 1, "mkdirat": 2, "creat": 1} | {
    "mknod": 1,
    "mknodat": 2,
}
_NODES = {"mknod": 1, "mknodat": 2}
_OPENING = {"open": 2, "openat": 3}
_CHANGING_MODES = ("chmod", "fchmod", "fchmodat", "fchmodat2")
_OF_ANOTHER = frozenset(("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"))
"""A process may do it to itself."""
_SIGNALS = frozenset(("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"))


def _compiled(number: int, rule: _Rule) -> list[bytes]:
    """With the number in the accumulator before and after."""
    if not rule.conditions:
        return [_jump(_JUMP_EQUAL, number, 0, 1), _statement(_RETURN, _ERRNO | rule.error)]
    # From the last condition to the first: each jumps over all that comes after it if it does not hold.
    after = [_statement(_RETURN, _ERRNO | rule.error)]
    for condition in reversed(rule.conditions):
        after = _condition(condition, len(after)) + after
    body = [*after, _statement(_LOAD_WORD, _NUMBER_AT)]
    return [_jump(_JUMP_EQUAL, number, 0, len(body)), *body]


def _condition(condition: _Condition, over: int) -> list[bytes]:
    """Go on if it holds, else jump over `over` instructions. Only the lower 32 bits count: the kernel takes no more."""
    load = _statement(_LOAD_WORD, _ARGUMENTS_AT + 8 * condition.argument)
    match condition:
        case _Any(_, mask):
            return [load, _jump(_JUMP_ANY_BIT, mask, 0, over)]
        case _Is(_, value, mask):
            return [load, _statement(_AND, mask), _jump(_JUMP_EQUAL, value, 0, over)]
        case _IsNone(_, values):
            jumps = [_jump(_JUMP_EQUAL, v, over + len(values) - i - 1, 0) for i, v in enumerate(values)]
            return [load, *jumps]


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
