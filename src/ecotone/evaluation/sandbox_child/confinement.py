"""Taking rights away from the calling process: namespaces, a root folder of its own, limits, privileges, system calls.

Each function raises OSError where the kernel refuses, with the call's name in its text.
"""

# Importing pathlib would slow down every run.
# ruff: noqa: PTH102, PTH103, PTH106, PTH110, PTH112, PTH118, PTH120, PTH123

import ctypes
import os
import resource
import struct
import sys
from typing import Final

from . import syscalls

SCRATCH: Final = "/tmp"  # noqa: S108 - the one folder to write in, inside the new root
_OLD_ROOT: Final = "/old"
_LIBRARY_FOLDERS: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store")
_SCRATCH_FILES_MAX: Final = 1024
_OPEN_FILES_MAX: Final = 64

_NEW_USER, _NEW_MOUNTS, _NEW_PIDS, _NEW_NETWORK = 0x10000000, 0x00020000, 0x20000000, 0x40000000
_NEW_IPC, _NEW_NAMES, _NEW_CGROUP = 0x08000000, 0x04000000, 0x02000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
_DETACH: Final = 2
_BELOW_TOO, _HERE = 0x8000, -100  # AT_RECURSIVE, AT_FDCWD
_ATTRIBUTES_READ_ONLY: Final = 1 | 2 | 4  # MOUNT_ATTR_RDONLY, _NOSUID, _NODEV
_ATTRIBUTES_DEVICE: Final = 1 | 2
_DIE_WITH_PARENT, _DUMPABLE, _DROP_CAPABILITY, _NO_NEW_PRIVILEGES = 1, 4, 24, 38
_SET_FILTER, _WITH_LISTENER = 1, 8
_CAPABILITIES_VERSION: Final = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
_libc.syscall.restype = ctypes.c_long


def enter_namespaces() -> None:
    """A user, network, IPC, host name and cgroup namespace for this process, a process namespace for its children."""
    user, group = os.getuid(), os.getgid()
    everything = _NEW_USER | _NEW_PIDS | _NEW_NETWORK | _NEW_IPC | _NEW_NAMES | _NEW_CGROUP
    _checked("unshare", _libc.unshare(everything))
    for name, line in (("setgroups", "deny"), ("uid_map", f"65534 {user} 1"), ("gid_map", f"65534 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends."""
    _checked("prctl", _libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0))


def _readable_folders() -> list[str]:
    """What the interpreter needs to go on working after its root folder has changed."""
    folders = [os.path.join(prefix, "lib") for prefix in dict.fromkeys((sys.prefix, sys.exec_prefix))]
    # A store holds each package in a folder of its own, and the interpreter's libraries in several.
    folders += [path for path in _LIBRARY_FOLDERS if not path.endswith("/store") or sys.prefix.startswith(path)]
    outermost: list[str] = []
    for path in sorted(set(folders)):
        if os.path.isdir(path) and not any(path == seen or path.startswith(f"{seen}/") for seen in outermost):
            outermost.append(path)
    return outermost


def enter_new_root(disk_bytes: int) -> list[str]:
    """Leave the machine's files for a root that holds libraries, read-only, and an empty scratch folder in memory.

    Gives the folders with the libraries.
    """
    folders = {path: os.path.realpath(path) for path in _readable_folders()}
    _checked("unshare", _libc.unshare(_NEW_MOUNTS))
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    # Over a folder that exists everywhere; once it has become the root, that folder is seen below the old one again.
    _mount("root", SCRATCH, "tmpfs", _NO_SUID | _NO_DEVICES, "size=256k,nr_inodes=512,mode=755")
    os.mkdir(SCRATCH + _OLD_ROOT)
    os.chdir(SCRATCH)
    _call("pivot_root", b".", _OLD_ROOT[1:].encode())
    os.chdir("/")
    os.mkdir(SCRATCH)
    size = f"size={disk_bytes},nr_inodes={_SCRATCH_FILES_MAX},mode=700"
    _mount("scratch", SCRATCH, "tmpfs", _NO_SUID | _NO_DEVICES | _NO_EXEC, size)
    for path, source in folders.items():
        os.makedirs(path, exist_ok=True)
        _bind(source, path, _ATTRIBUTES_READ_ONLY)
    for path, attributes in (("/etc/ld.so.cache", _ATTRIBUTES_READ_ONLY), (os.devnull, _ATTRIBUTES_DEVICE)):
        if os.path.exists(_OLD_ROOT + path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            _bind(path, path, attributes)
    _checked("umount2", _libc.umount2(_OLD_ROOT.encode(), _DETACH))
    os.rmdir(_OLD_ROOT)
    _mount(None, "/", None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES)
    os.chdir(SCRATCH)
    return list(folders)


def limit_resources(memory_bytes: int, file_bytes: int, cpu_s: int | None) -> None:
    """Bounds that the kernel keeps for this process."""
    limits = {
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_FSIZE: (file_bytes, file_bytes),
        resource.RLIMIT_NOFILE: (_OPEN_FILES_MAX, _OPEN_FILES_MAX),
        resource.RLIMIT_CORE: (0, 0),
    }
    if cpu_s is not None:
        limits[resource.RLIMIT_CPU] = (cpu_s, cpu_s + 1)
    for which, values in limits.items():
        resource.setrlimit(which, values)


def drop_privileges() -> None:
    """Give up all capabilities for good; nothing that is executed later can win any back."""
    capability = 0
    while _libc.prctl(_DROP_CAPABILITY, capability, 0, 0, 0) == 0 and capability < 64:
        capability += 1
    _call("capset", struct.pack("=Ii", _CAPABILITIES_VERSION, 0), bytes(24))
    _checked("prctl", _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked("prctl", _libc.prctl(_DUMPABLE, 0, 0, 0, 0))


def stop_at_system_calls() -> None:
    """From here on a forbidden system call kills this process."""
    _install_filter(syscalls.KILL, 0)


def ask_at_system_calls() -> int:
    """From here on a forbidden system call asks whoever reads the descriptor that is returned."""
    return _install_filter(syscalls.ASK_SUPERVISOR, _WITH_LISTENER)


def _install_filter(stop: int, flags: int) -> int:
    code = syscalls.seccomp_filter(stop, os.getpid())
    program = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    return _call("seccomp", _SET_FILTER, flags, header)


def _bind(source: str, target: str, attributes: int) -> None:
    """Show a file or folder of the old root in the new one. Read-only holds for its mode, owner and times as well."""
    _mount(_OLD_ROOT + source, target, None, _BIND | _RECURSIVE)
    values = struct.pack("=4Q", attributes, 0, 0, 0)
    _call("mount_setattr", _HERE, target.encode(), _BELOW_TOO, values, len(values))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _checked(f"mount on {target}", _libc.mount(texts[0], texts[1], texts[2], flags, texts[3]))


def _call(name: str, *arguments: int | bytes) -> int:
    converted = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(name, _libc.syscall(ctypes.c_long(syscalls.number(name)), *converted))


def _checked(what: str, result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result
