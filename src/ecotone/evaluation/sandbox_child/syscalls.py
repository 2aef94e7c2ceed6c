"""The system calls that confined code may make, as a seccomp filter for x86_64 and aarch64.

What is listed as allowed works. What is listed under a reason is never carried out: the filter asks the supervisor,
which ends the run and names the reason. Anything else does not exist (ENOSYS), so that the C library falls back to
older calls. Numbers are from Linux's own headers (asm/unistd_64.h and asm-generic/unistd.h), the filter's form from
its Documentation/userspace-api/seccomp_filter.rst.
"""

import errno
import os
import struct
from typing import Final

_Numbers = dict[str, tuple[int | None, int | None]]
"""By name: the number on x86_64 and on aarch64, None where that machine has no such call."""

# fmt: off
_ALLOWED: Final[_Numbers] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70), "preadv2": (327, 286), "pwritev2": (328, 287),
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None), "close": (3, 57),
    "close_range": (436, 436), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents": (78, None), "getdents64": (217, 61),
    "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47), "lseek": (8, 62), "fsync": (74, 82),
    "fdatasync": (75, 83), "sync_file_range": (277, 84), "umask": (95, 166), "chmod": (90, None), "fchmod": (91, 52),
    "fchmodat": (268, 53), "utime": (132, None), "utimes": (235, None), "utimensat": (280, 88),
    "futimesat": (261, None), "statfs": (137, 43), "fstatfs": (138, 44), "fadvise64": (221, 223), "flock": (73, 32),
    "copy_file_range": (326, 285), "sendfile": (40, 71), "splice": (275, 76), "tee": (276, 77), "dup": (32, 23),
    "dup2": (33, None), "dup3": (292, 24), "pipe": (22, None), "pipe2": (293, 59), "fcntl": (72, 25),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441), "eventfd": (284, None), "eventfd2": (290, 19), "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "signalfd": (282, None), "signalfd4": (289, 74),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "inotify_rm_watch": (255, 28), "brk": (12, 214), "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226),
    "mremap": (25, 216), "madvise": (28, 233), "mincore": (27, 232), "msync": (26, 227), "mlock": (149, 228),
    "munlock": (150, 229), "mlock2": (325, 284), "membarrier": (324, 283), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133),
    "rt_sigtimedwait": (128, 137), "sigaltstack": (131, 132), "restart_syscall": (219, 128), "futex": (202, 98),
    "futex_waitv": (449, 449), "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "set_tid_address": (218, 96), "rseq": (334, 293), "arch_prctl": (158, None), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "sched_getparam": (143, 121), "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126), "getpid": (39, 172),
    "getppid": (110, 173), "gettid": (186, 178), "getpgid": (121, 155), "getpgrp": (111, None), "getsid": (124, 156),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getgroups": (115, 158),
    "getresuid": (118, 148), "getresgid": (120, 150), "uname": (63, 160), "sysinfo": (99, 179), "times": (100, 153),
    "getrusage": (98, 165), "getrlimit": (97, 163), "getpriority": (140, 141), "capget": (125, 90),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "getitimer": (36, 102), "setitimer": (38, 103),
    "alarm": (37, None), "pause": (34, None), "timer_create": (222, 107), "timer_settime": (223, 110),
    "timer_gettime": (224, 108), "timer_getoverrun": (225, 109), "timer_delete": (226, 111), "getrandom": (318, 278),
    "getcpu": (309, 168), "wait4": (61, 260), "waitid": (247, 95), "exit": (60, 93), "exit_group": (231, 94),
    "getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13), "socketpair": (53, 199), "sendto": (44, 206),
    "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "sendmmsg": (307, 269), "recvmmsg": (299, 243),
    "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205), "getsockopt": (55, 209),
    "setsockopt": (54, 208),
}

_STOPPED: Final[dict[str, _Numbers]] = {
    "network": {
        "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
        "accept4": (288, 242),
    },
    "process": {
        "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
        "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
        "process_mrelease": (448, 448), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240), "setns": (308, 268), "unshare": (272, 97), "setpgid": (109, 154),
        "setsid": (112, 157),
    },
    "memory": {
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
        "shmctl": (31, 195), "shmdt": (67, 197), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    },
    "system": {
        "mount": (165, 40), "umount2": (166, 39), "move_mount": (429, 429), "open_tree": (428, 428),
        "fsopen": (430, 430), "fsmount": (432, 432), "fsconfig": (431, 431), "fspick": (433, 433),
        "mount_setattr": (442, 442), "pivot_root": (155, 41), "chroot": (161, 51), "bpf": (321, 280),
        "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "perf_event_open": (298, 241),
        "userfaultfd": (323, 282), "fanotify_init": (300, 262), "open_by_handle_at": (304, 265),
        "name_to_handle_at": (303, 264), "init_module": (175, 105), "finit_module": (313, 273),
        "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
        "swapon": (167, 224), "swapoff": (168, 225), "syslog": (103, 116), "sethostname": (170, 161),
        "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
        "clock_adjtime": (305, 266), "adjtimex": (159, 171), "acct": (163, 89), "quotactl": (179, 60),
        "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
        "setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151),
        "setfsgid": (123, 152), "capset": (126, 91), "seccomp": (317, 277), "personality": (135, 92),
        "mknod": (133, None), "mknodat": (259, 33), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None),
        "fchownat": (260, 54), "iopl": (172, None), "ioperm": (173, None), "landlock_create_ruleset": (444, 444),
        "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446), "mlockall": (151, 230),
    },
}

_CONDITIONAL: Final[_Numbers] = {
    "clone": (56, 220), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "prlimit64": (302, 261),
    "ioctl": (16, 29), "prctl": (157, 167),
}
# fmt: on

_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH_*
_X32_CALLS: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000
# TCGETS (isatty), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTLS: Final = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_SET_NAME, PR_GET_NAME, PR_SET_VMA
_PRCTLS: Final = (15, 16, 0x53564D41)

KILL: Final = 0x80000000
ASK_SUPERVISOR: Final = 0x7FC00000
_ALLOW: Final = 0x7FFF0000
_ERROR: Final = 0x00050000

# Operations of the filter's machine: load a 32-bit word, jump if equal, jump if not below, return.
_LOAD, _IF_EQUAL, _IF_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


def known_machine() -> bool:
    """Whether the filter can be written for this processor."""
    return os.uname().machine in _MACHINES


def number(name: str) -> int:
    """The number of a system call on this machine."""
    column = _MACHINES[os.uname().machine][0]
    for table in (_ALLOWED, _CONDITIONAL, *_STOPPED.values()):
        if name in table and (found := table[name][column]) is not None:
            return found
    raise KeyError(name)


def seccomp_filter(stop: int, own_pid: int) -> bytes:
    """The program. `stop` is what it returns for what is never carried out: `KILL` or `ASK_SUPERVISOR`.

    The process may send signals to itself, `own_pid`, alone.
    """
    column, architecture = _MACHINES[os.uname().machine]
    code = [
        _operation(_LOAD, _ARCHITECTURE_AT),
        _operation(_IF_EQUAL, architecture, 1, 0),
        _operation(_RETURN, KILL),
        _operation(_LOAD, _NUMBER_AT),
    ]
    if architecture == _MACHINES["x86_64"][1]:
        code += [_operation(_IF_FROM, _X32_CALLS, 0, 1), _operation(_RETURN, KILL)]
    verdicts = [(numbers[column], _ALLOW) for numbers in _ALLOWED.values()]
    verdicts += [(numbers[column], stop) for table in _STOPPED.values() for numbers in table.values()]
    verdicts.append((_CONDITIONAL["clone"][column], stop))
    for call, verdict in verdicts:
        if call is not None:
            code += [_operation(_IF_EQUAL, call, 0, 1), _operation(_RETURN, verdict)]
    refused = _ERROR | errno.EPERM
    for name in ("kill", "tkill", "tgkill"):
        code += _if_argument(number(name), 0, (own_pid,), stop)
    code += _if_argument(number("prlimit64"), 0, (0, own_pid), stop)
    code += _if_argument(number("ioctl"), 1, _IOCTLS, refused)
    code += _if_argument(number("prctl"), 0, _PRCTLS, refused)
    code.append(_operation(_RETURN, _ERROR | errno.ENOSYS))  # clone3 too: its flags cannot be seen from here
    return b"".join(code)


def reason_to_stop(call: int, argument: int) -> tuple[str, str] | None:
    """Why a call that was asked about ends the run: the reason and the call's name; None if it starts a thread."""
    column = _MACHINES[os.uname().machine][0]
    if call == _CONDITIONAL["clone"][column] and argument & _CLONE_THREAD:
        return None
    for reason, table in _STOPPED.items():
        for name, numbers in table.items():
            if numbers[column] == call:
                return reason, name
    names = {numbers[column]: name for name, numbers in _CONDITIONAL.items()}
    return "process", names.get(call, f"call {call}")


def _if_argument(call: int, position: int, allowed: tuple[int, ...], otherwise: int) -> list[bytes]:
    """Decide one call by the low word of one argument; fall through for all other calls."""
    checks = b"".join(_operation(_IF_EQUAL, value, len(allowed) - index, 0) for index, value in enumerate(allowed))
    return [
        _operation(_IF_EQUAL, call, 0, len(allowed) + 3),
        _operation(_LOAD, _ARGUMENTS_AT + 8 * position),
        checks,
        _operation(_RETURN, otherwise),
        _operation(_RETURN, _ALLOW),
    ]


def _operation(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
