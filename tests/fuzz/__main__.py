"""`python -m tests.fuzz`: search for faults in every decoder, one after the other, each in a process of its own."""

import argparse
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ecotone.wire import WIRES
from ecotone.wire.json_body import decode_json_object
from tests.fuzz import __doc__ as about
from tests.fuzz.apart import search_apart
from tests.fuzz.bounds import bound_memory
from tests.fuzz.checks import SHARED, Check, Place, all_checks
from tests.fuzz.corpus import corpora
from tests.fuzz.endless import endless_faults
from tests.fuzz.search import Fault

DECODERS = ("request", "reply", "stream", "watch", "error", "endless", *SHARED)


class _Head(msgspec.Struct, frozen=True):
    """The first line of a file to replay; the input follows."""

    wire: str
    decoder: str
    what: str
    where: str


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, help="CPU time for each decoder (default: 10)")
    parser.add_argument("--inputs", type=int, help="inputs for each decoder, instead of a time")
    parser.add_argument("--wire", nargs="+", choices=["shared", *WIRES], help="only these")
    parser.add_argument("--decoder", nargs="+", choices=DECODERS, help="only these")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other inputs (default: 0)")
    folder = Path(tempfile.gettempdir()) / "ecotone-fuzz"
    parser.add_argument("--faults", type=Path, default=folder, help="where failing inputs go (default: %(default)s)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try one input that failed, and show its traceback")
    options = parser.parse_args()
    if options.seconds is None and options.inputs is None:
        options.seconds = 10.0
    return options


def main() -> int:
    options = arguments()
    bound_memory()
    found = corpora(WIRES)
    checks = all_checks(WIRES, found)
    if options.replay is not None:
        replay(options.replay, {place: check for place, (check, _) in checks.items()})
        return 0
    faults = 0
    met: Sequence[Fault]
    for wire, decoder in _chosen([*checks, *((name, "endless") for name in WIRES)], options):
        if decoder == "endless":
            met = endless_faults(WIRES[wire], decode_json_object(found[wire].requests[0]))
            print(f"{wire:16} {decoder:8} {len(met)} faults", flush=True)
        else:
            met = searched(wire, decoder, *checks[wire, decoder], options)
        for fault in met:
            path = kept(options.faults, wire, decoder, fault)
            print(f"  {fault.what}\n    {fault.where}\n    {len(fault.input):,} bytes: {path}", flush=True)
        faults += len(met)
    return 1 if faults else 0


def _chosen(places: list[tuple[str, str]], options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for wire, decoder in places:
        if (not options.wire or wire in options.wire) and (not options.decoder or decoder in options.decoder):
            yield wire, decoder


def searched(
    wire: str, decoder: str, check: Check, corpus: list[bytes], options: argparse.Namespace
) -> tuple[Fault, ...]:
    """The faults of one decoder, its numbers printed."""

    def progress(inputs: int, cpu_s: float, faults: int) -> None:
        print(f"{wire} {decoder}: {inputs:,} inputs in {cpu_s:.0f} s, {faults} faults", file=sys.stderr, flush=True)

    result = search_apart(
        check,
        corpus,
        f"{options.seed} {wire} {decoder}",
        cpu_s=options.seconds if options.inputs is None else None,
        inputs_max=options.inputs,
        progress=progress,
    )
    rate = result.inputs / max(result.cpu_s, 0.001)
    print(
        f"{wire:16} {decoder:8} {result.cpu_s:7.1f} s {result.inputs:9,} inputs {rate:7,.0f}/s"
        f" {result.outcomes:6,} outcomes {len(result.faults):3} faults",
        flush=True,
    )
    return result.faults


def kept(folder: Path, wire: str, decoder: str, fault: Fault) -> Path:
    """The file that holds this fault's input, for `--replay`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{wire}.{decoder}.{zlib.crc32(fault.where.encode()):08x}"
    head = msgspec.json.encode(_Head(wire, decoder, fault.what, fault.where))
    path.write_bytes(head + b"\n" + fault.input)
    return path


def replay(path: Path, checks: dict[Place, Check]) -> None:
    """Try the input in this file again; what is raised is shown as Python shows it."""
    line, _, data = path.read_bytes().partition(b"\n")
    head = msgspec.json.decode(line, type=_Head)
    print(f"{head.wire} {head.decoder}: {head.what}\n{data[:2000]!r}")
    print("came out well:", checks[head.wire, head.decoder](data))


if __name__ == "__main__":
    sys.exit(main())
