"""Every decoder fuzzed for a moment, always with the same inputs; `python -m tests.fuzz` does it for longer."""

import subprocess
import sys
from pathlib import Path

import pytest

from ecotone.wire import WIRES
from tests.fuzz.checks import SHARED
from tests.fuzz.endless import STREAMS, endless_faults

INPUTS = 100
DECODERS = ("request", "reply", "stream", "watch", "error", *SHARED)


def fuzzed(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *options]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("wire", ["shared", *WIRES])
def test_no_fault_is_found(wire: str, tmp_path: Path) -> None:
    options = ["--inputs", str(INPUTS), "--seed", "1", "--faults", str(tmp_path)]
    run = fuzzed("--wire", wire, "--decoder", *DECODERS, *options)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert sum(f"{INPUTS:,} inputs" in line and " 0 faults" in line for line in lines) >= 5


@pytest.mark.parametrize("wire", WIRES)
def test_an_event_without_end_is_refused_at_its_bound(wire: str) -> None:
    assert endless_faults(WIRES[wire], {}, STREAMS[1:2]) == []


def test_an_input_can_be_replayed(tmp_path: Path) -> None:
    kept = tmp_path / "anthropic.reply.0"
    kept.write_bytes(b'{"wire":"anthropic","decoder":"reply","what":"w","where":"x"}\n{"type":"message"}')
    run = fuzzed("--replay", str(kept))
    assert run.returncode == 0, run.stderr
    assert "came out well: UpstreamMalformed" in run.stdout
