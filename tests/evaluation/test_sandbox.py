"""Code that does harm, run for real: what it gets, and that nothing outside is touched."""

import asyncio
import contextlib
import ctypes
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ecotone.evaluation.sandbox import Limits, Outcome, Sandbox, problem
from ecotone.values.errors import SetupError

pytestmark = pytest.mark.skipif(problem() is not None, reason=f"no sandbox here: {problem()}")

INSTANT = Limits(wall_s=0.5, memory_mb=256)
SHORT = Limits(wall_s=2.0, cpu_s=1, memory_mb=256, disk_mb=4)
GOOD = "def double(x):\n    return 2 * x\n"
TESTS = "assert double(2) == 4\nassert double(5) == 10\n"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a secret in the real home, outside anything that the sandbox replaces."""
    folder = Path(tempfile.mkdtemp(prefix="ecotone-test-", dir=Path.home()))
    (folder / "secret.txt").write_text("the secret")
    (folder / "script.sh").write_text("#!/bin/sh\n")
    (folder / "inner").mkdir()
    yield folder
    shutil.rmtree(folder)


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time of change and digest of everything in a folder."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        state = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (state.st_mode, state.st_ctime_ns, digest)
    return found


@pytest.fixture(autouse=True)
def orphans_come_here() -> Iterator[None]:
    """What is left without a parent becomes a child of this process, where it is seen."""
    subreaper = 36
    libc = ctypes.CDLL(None)
    libc.prctl(subreaper, 1, 0, 0, 0)
    yield
    libc.prctl(subreaper, 0, 0, 0, 0)


def descendants(of: int) -> set[int]:
    """All processes below one, by /proc."""
    below: set[int] = set()
    waiting = [of]
    while waiting:
        with contextlib.suppress(OSError):
            pid = waiting.pop()
            children = {
                int(child)
                for file in Path(f"/proc/{pid}/task").glob("*/children")
                for child in file.read_text().split()
            }
            below |= children
            waiting += children
    return below


async def test_right_code_passes(sandbox: Sandbox) -> None:
    outcome = await sandbox.run(GOOD, tests=TESTS)
    assert (outcome.status, outcome.reason, outcome.text) == ("passed", None, "")
    assert 0 < outcome.cpu_s < outcome.wall_s
    assert 1 < outcome.memory_mb < 512


async def test_wrong_code_fails_with_the_line_of_the_test(sandbox: Sandbox) -> None:
    outcome = await sandbox.run("def double(x):\n    return x + 2\n", tests=TESTS)
    assert (outcome.status, outcome.reason, outcome.text, outcome.line) == ("failed", "error", "AssertionError", 2)


async def test_an_error_in_the_code_names_its_line(sandbox: Sandbox) -> None:
    outcome = await sandbox.run("def double(x):\n    y = x\n    return y.nothing\n", tests=TESTS)
    assert outcome.status == "failed"
    assert outcome.text == "AttributeError: 'int' object has no attribute 'nothing'"
    assert (outcome.line, outcome.solution_line) == (1, 3)


async def test_a_syntax_error_fails(sandbox: Sandbox) -> None:
    outcome = await sandbox.run("x = 1\ndef double(x:\n    return\n", tests=TESTS)
    assert (outcome.status, outcome.reason, outcome.solution_line) == ("failed", "error", 2)
    assert outcome.text.startswith("SyntaxError")


async def test_what_is_printed_is_kept(sandbox: Sandbox) -> None:
    outcome = await sandbox.run("import sys\nprint('one')\nprint('two', file=sys.stderr)", tests="print('three')")
    assert outcome.output.split() == ["one", "two", "three"]


ORDINARY = {
    "mutated arguments": ("def add(xs):\n    xs.append(3)", "x = [1, 2]\nadd(x)\nassert x == [1, 2, 3]"),
    "exceptions": (
        "class Empty(ValueError): pass\ndef f():\n    raise Empty('nothing')",
        "try:\n    f()\nexcept ValueError as error:\n    assert str(error) == 'nothing'\nelse:\n    assert False",
    ),
    "generators": (
        "def count():\n    n = 0\n    while True:\n        yield n\n        n += 1",
        "import itertools\nassert list(itertools.islice(count(), 3)) == [0, 1, 2]",
    ),
    "functions as arguments": ("def twice(f, x):\n    return f(f(x))", "assert twice(lambda x: x + 1, 0) == 2"),
    "functions as results": ("def adder(n):\n    return lambda x: x + n", "assert adder(2)(3) == 5"),
    "classes": (
        "class Stack:\n    def __init__(self):\n        self.items = []\n    def push(self, x):\n"
        "        self.items.append(x)\n"
        "    def pop(self):\n        return self.items.pop()\n    def __len__(self):\n        return len(self.items)\n",
        "s = Stack()\ns.push(1)\ns.push((2, 3))\nassert len(s) == 2\nassert s.pop() == (2, 3)\nassert s.items == [1]",
    ),
    "values": (
        "def same(x):\n    return x",
        "from collections import Counter\nfrom decimal import Decimal\nfrom datetime import date\n"
        "for x in (None, True, 10**50, -1.5, 1j, 'é\\ud800', b'\\x00', (1, [2]), {3: {4}}, frozenset({5}), range(3),\n"
        "          Counter('aab'), Decimal('1.10'), date(2024, 2, 29)):\n"
        "    assert same(x) == x and type(same(x)) is type(x), x",
    ),
    "named tuples and enums as the plain values they are": (
        "from typing import NamedTuple\nfrom enum import IntEnum\nclass P(NamedTuple):\n    x: int\n"
        "class C(IntEnum):\n    A = 7\n"
        "def p():\n    return P(1)\ndef c():\n    return C.A",
        "assert p() == (1,)\nassert c() == 7",
    ),
    "constants, modules and other functions of the code": (
        "import math\nSIZE = 3\ndef area(r):\n    return math.pi * r * r",
        "assert SIZE == 3\nassert abs(area(2) - 4 * math.pi) < 1e-9",
    ),
    "dataclasses": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n",
        "assert P(3).x == 3\nassert str(P(3)) == 'P(x=3)'",
    ),
    "threads and asyncio": (
        "import asyncio, threading\nfrom concurrent.futures import ThreadPoolExecutor\nasync def one():\n"
        "    await asyncio.sleep(0)\n    return 1\ndef f():\n    with ThreadPoolExecutor(4) as pool:\n"
        "        return asyncio.run(one()) + sum(pool.map(int, '123'))",
        "assert f() == 7",
    ),
    "scratch files": (
        "import os, tempfile\ndef f():\n    with tempfile.TemporaryDirectory() as folder:\n"
        "        path = os.path.join(folder, 'a')\n        with open(path, 'w') as file:\n            file.write('x')\n"
        "        os.rename(path, path + 'b')\n        with open(path + 'b') as file:\n"
        "            return file.read(), os.listdir(folder)",
        "assert f() == ('x', ['ab'])",
    ),
    "the standard library": (
        "import bz2, csv, ctypes, decimal, hashlib, heapq, json, random, re, sqlite3, unicodedata, uuid, zlib\n"
        "def f():\n    return sqlite3.connect(':memory:').execute('select 1 + 1').fetchone()[0]",
        "assert f() == 2",
    ),
}


@pytest.mark.parametrize("case", ORDINARY)
async def test_ordinary_code_works(sandbox: Sandbox, case: str) -> None:
    source, tests = ORDINARY[case]
    outcome = await sandbox.run(source, tests=tests)
    assert outcome.status == "passed", outcome


# What pretends to be right without being so. Each would pass where the tests run beside the code.
PRETENCES = {
    "prints the word": "print('passed')\nprint(('passed', None, ''))",
    "exits with 0": "import sys\nsys.exit(0)",
    "exits at once": "import os\nos._exit(0)",
    "raises SystemExit when called": "def double(x):\n    raise SystemExit(0)",
    "exits at once when called": "import os\ndef double(x):\n    os._exit(0)",
    "exits in a finaliser": "import atexit, os\natexit.register(os._exit, 0)",
    "equals everything": "class Yes:\n    def __eq__(self, other):\n        return True\ndef double(x):\n"
    "    return Yes()",
    "a number that equals everything": (
        "class Yes(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = int.__hash__\n"
        "def double(x):\n    return Yes(0)"
    ),
    "a list that equals everything": (
        "class Yes(list):\n    def __eq__(self, other):\n        return True\n    def __iter__(self):\n"
        "        return iter([4])\n"
        "def double(x):\n    return Yes()"
    ),
    "lies about its class": (
        "class Yes:\n    __class__ = int\n    def __eq__(self, other):\n        return True\ndef double(x):\n"
        "    return Yes()"
    ),
    "replaces built-in functions": (
        "import builtins\nbuiltins.AssertionError = None\nbuiltins.abs = lambda x: 0\nbuiltins.exec = lambda *a: None\n"
        "builtins.compile = lambda *a, **k: None\n__builtins__['all'] = lambda x: True\ndef double(x):\n    return 0"
    ),
    "replaces the tests' own names": "def check(f):\n    pass\ndef double(x):\n    return 0\nTESTS = tests = None",
    "patches unittest": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef double(x):\n"
    "    return 0",
    "writes a verdict to every descriptor": (
        "import os\nfor fd in range(3, 64):\n    for text in (b\"('passed', None, '', None, None)\", b'passed\\n"
        "'):\n        try:\n"
        "            os.write(fd, text)\n        except OSError:\n            pass\nos._exit(0)"
    ),
    "looks for the tests in its memory": (
        "import gc, sys\nneedle = ' == '.join(['double(5)', '10'])\n"
        "found = [x for x in gc.get_objects() if needle in str(x)]\n"
        "frame = sys._getframe()\nwhile frame:\n"
        "    found += [v for v in frame.f_locals.values() if v is not needle and needle in str(v)]\n"
        "    frame = frame.f_back\nfound = [x for x in found if x is not needle and 'needle' not in str(x)]\n"
        "def double(x):\n    return 2 * x if found else None"
    ),
    "swallows its own exit": "def double(x):\n    try:\n        raise KeyError\n    finally:\n        return 0",
    "a hostile pickle": (
        "import os, sys\nimport sandbox_child.calls as calls\nimport builtins\n"
        "class Evil:\n    pass\ndef double(x):\n"
        "    data = b'\\x80\\x05cbuiltins\\nexec\\n(Vimport os; os._exit(0)\\ntR.'\n"
        "    os.write(W, len(data).to_bytes(4, 'big') + data)\n"
        "import gc\nW = [o for o in gc.get_objects() if type(o).__name__ == 'Channel'][0]._write_fd\n"
    ),
}


@pytest.mark.parametrize("case", PRETENCES)
async def test_pretending_does_not_pass(sandbox: Sandbox, case: str) -> None:
    outcome = await sandbox.run(PRETENCES[case], SHORT, tests=TESTS)
    assert outcome.status == ("stopped" if case == "writes a verdict to every descriptor" else "failed"), outcome


async def test_catch_all_in_tests_does_not_hide_an_exit(sandbox: Sandbox) -> None:
    tests = "try:\n    double(1)\nexcept Exception:\n    pass\n"
    outcome = await sandbox.run("import os\ndef double(x):\n    os._exit(0)", tests=tests)
    assert (outcome.status, outcome.reason) == ("failed", "exit")


SWALLOW = "try:\n{}\nexcept BaseException:\n    pass\n"


def swallowed(body: str) -> str:
    """The attack, with every exception caught: being stopped must not rest on an exception."""
    return SWALLOW.format("\n".join(f"    {line}" for line in body.splitlines()))


ATTACKS = {
    "TCP socket": ("import socket\nsocket.create_connection(('127.0.0.1', {port}))", "network"),
    "UDP socket": ("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "network"),
    "abstract Unix socket": ("import socket\nsocket.socket(socket.AF_UNIX).connect('\\0dbus')", "network"),
    "netlink": ("import socket\nsocket.socket(16, 3, 0)", "network"),
    "DNS": ("import socket\nsocket.getaddrinfo('example.org', 80)", "network"),
    "a URL": ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/')", "network"),
    "raw system call for a socket": ("import ctypes\nctypes.CDLL(None).socket(2, 1, 0)", "network"),
    "fork": ("import os\nos.fork()", "process"),
    "fork bomb": ("import os\nwhile True:\n    os.fork()", "process"),
    "subprocess": ("import subprocess\nsubprocess.run(['/bin/sh', '-c', 'true'])", "process"),
    "os.system": ("import os\nos.system('true')", "process"),
    "exec of a shell": ("import os\nos.execv('/bin/sh', ['sh'])", "process"),
    "multiprocessing": ("import multiprocessing\nmultiprocessing.Process(target=print).start()", "process"),
    "threads bomb": (
        "import threading, time\nthreading.stack_size(65536)\nfor _ in range(10000):\n"
        "    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        "process",
    ),
    "signal to process 1": ("import os\nos.kill(1, 9)", "process"),
    "signal to its parent": ("import os\nos.kill(os.getppid(), 15)", "process"),
    "signal to everything": ("import os\nos.kill(-1, 9)", "process"),
    "ptrace": ("import ctypes\nctypes.CDLL(None).ptrace(16, 1, 0, 0)", "process"),
    "new namespaces": ("import ctypes\nctypes.CDLL(None).unshare(0x10000000)", "process"),
    "mount": ("import ctypes\nctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None)", "system"),
    "chroot": ("import os\nos.chroot('/tmp')", "system"),
    "change of user": ("import os\nos.setuid(0)", "system"),
    "memory that no limit counts": ("import os\nos.memfd_create('x')", "memory"),
    "reading the home folder": ("open('{home}/secret.txt').read()", "files"),
    "listing the home folder": ("import os\nos.listdir('{home}')", "files"),
    "listing the root": ("import os\nos.listdir('/')", "files"),
    "walking up": ("open('../../..{home}/secret.txt').read()", "files"),
    "os.open": ("import os\nos.open('{home}/secret.txt', os.O_RDONLY)", "files"),
    "pathlib": ("import pathlib\npathlib.Path('{home}/secret.txt').read_text()", "files"),
    "writing the home folder": ("open('{home}/new.txt', 'w')", "files"),
    "appending": ("open('{home}/secret.txt', 'a')", "files"),
    "writing a temporary folder elsewhere": ("open('/var/tmp/x', 'w')", "files"),
    "writing the standard library": ("import os\nopen(os.__file__, 'w')", "files"),
    "removing": ("import os\nos.remove('{home}/secret.txt')", "files"),
    "removing a tree": ("import shutil\nshutil.rmtree('{home}')", "files"),
    "renaming": ("import os\nos.rename('{home}/secret.txt', '/tmp/x')", "files"),
    "chmod": ("import os\nos.chmod('{home}/script.sh', 0o777)", "files"),
    "symbolic link": ("import os\nos.symlink('{home}', '/tmp/link')\nopen('/tmp/link/secret.txt').read()", "files"),
    "hard link": ("import os\nos.link('{home}/secret.txt', '/tmp/link')", "files"),
    "environment of process 1": ("open('/proc/1/environ').read()", "files"),
    "own environment by /proc": ("open('/proc/self/environ').read()", "files"),
    "passwords": ("open('/etc/shadow').read()", "files"),
    "devices": ("open('/dev/mem', 'rb')", "files"),
    "sleeping": ("import time\ntime.sleep(1e6)", "time"),
    "waiting for a lock": ("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", "time"),
    "endless loop": ("while True:\n    pass", "time"),
    "endless loop that ignores its signal": (
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass",
        "time",
    ),
    "endless printing": ("while True:\n    print('x' * 100000)", "output"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attacks_are_stopped(sandbox: Sandbox, home: Path, attack: str) -> None:
    """Stopped although the code catches whatever is raised; the listener is not reached, the files stay as they are."""
    body, reason = ATTACKS[attack]
    before = snapshot(home)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        source = GOOD + swallowed(body.replace("{home}", str(home)).replace("{port}", str(port)))
        limits = INSTANT if attack in ("sleeping", "waiting for a lock") else SHORT
        outcome = await sandbox.run(source, limits, tests=TESTS)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert (outcome.status, outcome.reason) == ("stopped", reason), outcome
    assert snapshot(home) == before
    assert descendants(os.getpid()) == set()


FILLING = {
    "bytearray": ("x = bytearray(10**9)", "memory"),
    "a list that grows": ("x = []\nwhile True:\n    x.append(bytearray(10**6))", "memory"),
    "mmap": ("import mmap\nx = mmap.mmap(-1, 10**9)", "memory"),
    "a large file": ("with open('/tmp/x', 'wb') as f:\n    while True:\n        f.write(bytes(10**6))", "disk"),
    "many files": (
        "for n in range(100):\n    with open(f'/tmp/{n}', 'wb') as f:\n        f.write(bytes(10**6))",
        "disk",
    ),
    "many empty files": ("for n in range(10**5):\n    open(f'/tmp/{n}', 'w').close()", "disk"),
}


@pytest.mark.parametrize("case", FILLING)
async def test_filling_is_stopped(sandbox: Sandbox, case: str) -> None:
    source, reason = FILLING[case]
    outcome = await sandbox.run(source + "\n" + GOOD, SHORT, tests=TESTS)
    assert (outcome.status, outcome.reason) == ("stopped", reason), outcome
    assert outcome.memory_mb < 2 * SHORT.memory_mb


FAILING = {
    "deep recursion": ("def double(x):\n    return double(x)", "error"),
    "deep recursion without a bound": (
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(self, n):\n"
        "        return getattr(self, n + 'x')\n"
        "def double(x):\n    return A().y",
        None,
    ),
    "a segmentation fault": ("import ctypes\nctypes.string_at(0)", "crash"),
    "abort": ("import os\nos.abort()", "crash"),
    "reading standard input": ("input()", "error"),
    "a result that is too large": ("def double(x):\n    return 'x' * 2 * 10**7", "error"),
}


@pytest.mark.parametrize("case", FAILING)
async def test_broken_code_fails(sandbox: Sandbox, case: str) -> None:
    source, reason = FAILING[case]
    outcome = await sandbox.run(source, SHORT, tests=TESTS)
    assert outcome.status in ("failed", "stopped") if reason is None else outcome.status == "failed", outcome
    assert reason is None or outcome.reason == reason, outcome


async def test_nothing_of_the_machine_is_seen_below_python(sandbox: Sandbox, home: Path) -> None:
    """Past Python's own reports, by the C library: the kernel finds no file, no secret, no other process."""
    os.environ["ECOTONE_TEST_SECRET"] = "the secret"
    source = (
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "def opened(path, flags):\n    fd = libc.open(path.encode(), flags, 0o600)\n"
        "    return fd if fd < 0 else os.read(fd, 1000)\n"
        "def changed(path):\n"
        "    name = path.encode()\n"
        "    return [libc.chmod(name, 0o777), libc.unlink(name), libc.rename(name, b'/tmp/x')]\n"
        "def environment():\n    return dict(os.environ)\ndef seen(path):\n    return os.path.exists(path)\n"
        "def library():\n    return os.__file__\ndef ids():\n    return os.getuid(), os.getpid()\n"
    )
    secret = str(home / "secret.txt")
    # TESTS run in the sandbox too: they see what the code under test reports, through the channel.
    tests = (
        f"for path in ({secret!r}, '/etc/passwd', '/etc/shadow', '/proc/1/environ', '/proc/self/mem', '/sys/kernel'):\n"
        "    assert opened(path, 0) == -1, path\n    assert not seen(path), path\n"
        f"assert opened({str(home / 'new.txt')!r}, 0o101) == -1\nassert changed({secret!r}) == [-1, -1, -1]\n"
        "assert opened('/new.txt', 0o101) == -1\nassert opened('/usr/lib/new.txt', 0o101) == -1\n"
        "assert changed(library()) == [-1, -1, -1]\nassert changed('/dev/null') == [-1, -1, -1]\n"
        "assert environment() == {} or list(environment()) == ['LC_CTYPE']\nassert ids()[0] != 0\n"
    )
    before = snapshot(home)
    try:
        outcome = await sandbox.run(source, tests=tests)
    finally:
        del os.environ["ECOTONE_TEST_SECRET"]
    assert outcome.status == "passed", outcome
    assert snapshot(home) == before


async def test_tests_are_confined_as_well(sandbox: Sandbox, home: Path) -> None:
    before = snapshot(home)
    for tests in (
        "import socket\nsocket.socket()",
        "import os\nos.fork()",
        f"open({str(home / 'secret.txt')!r}, 'a')",
        "import os\nos._exit(0)",
        "while True:\n    pass",
        "x = bytearray(10**9)",
    ):
        outcome = await sandbox.run(GOOD, INSTANT, tests=tests)
        assert outcome.status in ("failed", "stopped"), (tests, outcome)
    assert snapshot(home) == before


async def test_output_is_bounded(sandbox: Sandbox) -> None:
    source = GOOD + "print('first')\nprint('x' * 10**6)\nprint('last')\n"
    outcome = await sandbox.run(source, Limits(output_kb=2), tests=TESTS)
    assert outcome.status == "stopped"
    outcome = await sandbox.run(source, Limits(output_kb=8), tests=TESTS)
    assert outcome.status == "passed"
    assert len(outcome.output) == 8 * 1024
    assert outcome.output.endswith("last\n")
    assert "first" not in outcome.output


async def test_runs_leave_no_trace_for_each_other(sandbox: Sandbox) -> None:
    outcome = await sandbox.run("open('/tmp/left', 'w').write('x')\n" + GOOD, tests=TESTS)
    assert outcome.status == "passed"
    outcome = await sandbox.run("import os\ndef files():\n    return os.listdir('/tmp')", tests="assert files() == []")
    assert outcome.status == "passed", outcome
    assert not Path("/tmp/left").exists()


async def test_several_at_once_are_bounded_and_do_not_block() -> None:
    sandbox = Sandbox(parallel=2)
    most, ticks = 0, 0
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal most, ticks
        while not done.is_set():
            ticks += 1
            children = {pid for pid in descendants(os.getpid()) if _parent(pid) == os.getpid()}
            most = max(most, len(children))
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    sources = [f"def f():\n    return {n}" for n in range(6)]
    outcomes = await asyncio.gather(*(sandbox.run(s, tests=f"assert f() == {n}") for n, s in enumerate(sources)))
    done.set()
    await watching
    assert [outcome.status for outcome in outcomes] == ["passed"] * 6
    assert 1 <= most <= 2
    assert ticks > 3


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.fixture
async def running(sandbox: Sandbox) -> AsyncIterator[asyncio.Task[Outcome]]:
    """A run that would take long, with all of its processes started."""
    task = asyncio.create_task(sandbox.run("import time\ntime.sleep(60)", Limits(wall_s=60.0)))
    async with asyncio.timeout(10):
        while len(descendants(os.getpid())) < 3:
            await asyncio.sleep(0.01)
    yield task


async def test_a_cancelled_run_leaves_no_process(running: asyncio.Task[Outcome]) -> None:
    started = descendants(os.getpid())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await _gone(started)


async def test_a_killed_supervisor_takes_everything_with_it(running: asyncio.Task[Outcome]) -> None:
    started = descendants(os.getpid())
    (supervisor,) = (pid for pid in started if _parent(pid) == os.getpid())
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(SetupError, match="without a verdict"):
        await running
    await _gone(started)


async def test_everything_ends_with_the_owner() -> None:
    program = (
        "import asyncio\nfrom ecotone.evaluation.sandbox import Limits, Sandbox\n"
        "asyncio.run(Sandbox().run('import time\\ntime.sleep(60)', Limits(wall_s=60.0)))"
    )
    owner = subprocess.Popen([sys.executable, "-c", program])
    async with asyncio.timeout(20):
        while len(descendants(owner.pid)) < 3:
            await asyncio.sleep(0.02)
    started = descendants(owner.pid)
    owner.kill()
    owner.wait()
    await _gone(started)


def test_where_the_kernel_refuses_nothing_is_run() -> None:
    """In a user namespace that allows no further one, as an administrator can set it for a machine."""
    program = """
import asyncio, ctypes, os, pathlib
from ecotone.evaluation.sandbox import Sandbox, problem
from ecotone.values.errors import SetupError
user = os.getuid()
assert ctypes.CDLL(None).unshare(0x10000000) == 0
pathlib.Path("/proc/self/uid_map").write_text(f"0 {user} 1")
pathlib.Path("/proc/sys/user/max_user_namespaces").write_text("0")
print(problem())
try:
    asyncio.run(Sandbox().run("print('it ran')"))
except SetupError as error:
    print("refused", error.message == problem())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    sentence, refused = done.stdout.splitlines()
    assert sentence.startswith("Code written by models cannot be confined here (unshare: ")
    assert sentence.endswith("allow them: sudo sysctl -w user.max_user_namespaces=10000")
    assert refused == "refused True"


async def _gone(pids: set[int]) -> None:
    async with asyncio.timeout(10):
        for pid in pids:
            while Path(f"/proc/{pid}").exists():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                await asyncio.sleep(0.01)
