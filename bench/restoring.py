"""Whether pseudonyms come back as what they stand for, whatever the wires and wherever a stream is cut.

    python -m bench.restoring [--streams 10000] [--seed 0] [--json FILE]

Each stream is made up from its number: sensitive values of several kinds get pseudonyms; text, reasoning and tools'
arguments repeat them among other words, beginnings of pseudonyms and escapes; that is written as an upstream's wire
writes it, cut at random bytes, translated for a client's wire with the filter that restores, and read as that client
reads it. What the client has must be what was said with each pseudonym replaced, as `str.replace` does it. All 16 pairs
of upstream and client take turns. Reasoning that a vendor signs must come through as it is.
"""

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from ecotone.policy.pseudonyms import Pseudonyms, PseudonymTable
from ecotone.policy.restoring import Restorer
from ecotone.values.chat import (
    ChatRequest,
    CustomTool,
    FunctionTool,
    Message,
    Reasoning,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.reply import (
    Choice,
    End,
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    fold,
)
from ecotone.wire import WIRES
from ecotone.wire.translation import StreamTranslation
from ecotone.wire.wire import Wire

REQUEST = ChatRequest(
    model="m",
    messages=(Message("user", (TextPart("Go on."),)),),
    tools=(FunctionTool("send", "Sends it.", {"type": "object"}), CustomTool("note", "Notes it.")),
    reasoning=Reasoning("high", shown=True),
    stream=True,
    include_usage=True,
)
START = Start("reply_1", "m", 1_700_000_000)

_WORDS = (
    *("the ", "card ", "of ", "is ", "and ", ", ", ". ", "\n", "\n\n", ": ", "(", ") ", '"', "\\", "/", "\t", " — "),
    *("é", "für ", "😀", "王", "{", "}", "[1] ", "9", "99", "0x", "sk-", "https://", "+1 ", "&", "<b>", "'"),
)
_NAMES = ("Maria", "Schmidt", "João", "O'Neill", "Łukasz", "Иван", "王小明", "Anne-Marie")
_TAKES_CUSTOM = frozenset({"openai-chat", "openai-responses"})
_SIGNS_REASONING = frozenset({"anthropic", "openai-responses"})


def value_of(kind: str, random: Random) -> str:
    """A made-up sensitive value."""
    digits = "".join(random.choice("0123456789") for _ in range(16))
    letters = "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(12))
    match kind:
        case "credit_card":
            return random.choice((digits, f"{digits[:4]} {digits[4:8]} {digits[8:12]} {digits[12:]}"))
        case "iban":
            return f"DE{digits[:2]} 3704 {digits[4:8]} {digits[8:12]} {digits[12:16]} 00"
        case "us_ssn":
            return f"{digits[:3]}-{digits[3:5]}-{digits[5:9]}"
        case "email":
            return f"{letters[:5]}.{letters[5:9]}@{letters[9:]}.org"
        case "phone":
            return random.choice((f"+1 (415) {digits[:3]}-{digits[3:7]}", f"+44 20 {digits[:4]} {digits[4:8]}"))
        case "ip":
            return f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}"
        case "url":
            return f"https://{letters[:7]}.org/{letters[7:]}/{digits[:5]}?id={digits[5:9]}&x={letters[:3]}"
        case "secret":
            key = f"-----BEGIN PRIVATE KEY-----\n{letters.upper()}+/{digits}\n-----END PRIVATE KEY-----"
            return random.choice((f"sk-{letters}{digits}", f'p"{letters}\\{digits[:4]}', key))
        case "person":
            return f"{random.choice(_NAMES)} {random.choice(_NAMES)}"
    return f"{letters[:2].upper()}-{digits[:7]}"


_KINDS = ("credit_card", "iban", "us_ssn", "email", "phone", "ip", "url", "secret", "person", "case_number")


class Case(msgspec.Struct, frozen=True):
    """What one stream says: `originals` as its request has them, and the events of its reply."""

    upstream: str
    client: str
    originals: Mapping[str, str]
    events: Sequence[Event]


def case(number: int, seed: int = 0) -> Case:
    """The stream of this number."""
    random = Random(f"{seed} {number}")
    names = sorted(WIRES)
    upstream, client = names[number % 4], names[number // 4 % 4]
    table = PseudonymTable(Pseudonyms(random.randbytes(32)))
    asked = [(kind, value_of(kind, random)) for kind in random.choices(_KINDS, k=random.randint(1, 8))]
    given = [table.replace(*one) for one in asked]
    # A model repeats it in other forms as well.
    forms = given * 3 + sorted(table.originals)

    def text(most: int) -> str:
        pieces: list[str] = []
        for _ in range(random.randint(0, most)):
            form = random.choice(forms)
            # What a pseudonym runs together with could be another.
            pieces += random.choice(((f" {form};",), (form[: random.randint(1, len(form) - 1)], " "), _some(random)))
        return "".join(pieces)

    events: list[Event] = [START]
    part = 0
    if random.random() < 0.3:
        events += _deltas(ReasoningDelta(0, part, ""), text(4) + "so", random)
        part += 1
    if random.random() < 0.8:
        events += _deltas(TextDelta(0, part, ""), text(8) + "so", random)
        part += 1
    calls = random.randint(0, 3)
    for call in range(calls):
        custom = {upstream, client} <= _TAKES_CUSTOM and random.random() < 0.3
        name = "note" if custom else "send"
        begun = ToolCallDelta(0, part, f"call_{call}", name, "", "custom" if custom else "function")
        arguments = text(5) + "so" if custom else _arguments([text(3) for _ in range(3)], random)
        events += [begun, *_deltas(ToolCallDelta(0, part), arguments, random)]
        part += 1
    finish = Finish(0, "tool_calls" if calls else "stop")
    return Case(upstream, client, dict(table.originals), (*events, finish, UsageReport(Usage(3, 4)), End()))


def _some(random: Random) -> tuple[str, ...]:
    return tuple(random.choices(_WORDS, k=random.randint(1, 6)))


def _arguments(texts: list[str], random: Random) -> str:
    """JSON that says these texts, as one of several encoders writes it."""
    value = {"to": texts[0], "body": {"lines": [texts[1], 7, None], "k": True}, "x": texts[2]}
    indent, separators = random.choice(((None, (",", ":")), (None, (", ", ": ")), (1, (",", ": "))))
    written = json.dumps(value, ensure_ascii=random.random() < 0.5, indent=indent, separators=separators)
    if random.random() < 0.3:
        for char in "/&<>'":
            written = written.replace(char, "\\/" if char == "/" else f"\\u{ord(char):04x}")
    return written


def _deltas(event: Any, text: str, random: Random) -> list[Event]:
    """The text in pieces, as tokens are: mostly a few characters."""
    field = "arguments" if isinstance(event, ToolCallDelta) else "text"
    pieces: list[Event] = []
    start = 0
    longest = random.choice((1, 4, 12, 60))
    while start < len(text):
        end = start + random.randint(1, longest)
        pieces.append(msgspec.structs.replace(event, **{field: text[start:end]}))
        start = end
    return pieces


def cut(data: bytes, random: Random) -> list[bytes]:
    """The bytes in pieces of random length, of a few bytes in some streams."""
    longest = random.choices((3, 50, 500, 5000), weights=(1, 3, 3, 3))[0]
    pieces, start = [], 0
    while start < len(data):
        end = start + random.randint(1, longest)
        pieces.append(data[start:end])
        start = end
    return pieces


def translated(made: Case, random: Random) -> bytes:
    """What the client gets of this stream."""
    upstream, client = WIRES[made.upstream], WIRES[made.client]
    encode = upstream.event_encoder(REQUEST).encode
    stream = b"".join(encode(event) for event in made.events)
    translation = StreamTranslation(upstream, client, REQUEST, start=START, filters=[Restorer(made.originals)])
    told = b"".join(translation.feed(piece) for piece in cut(stream, random))
    translation.close()
    return told


def read(client: Wire, stream: bytes) -> Choice:
    """The answer in a client's stream."""
    decoder = client.event_decoder()
    events = decoder.feed(stream)
    decoder.close()
    return fold(events).choices[0]


def plainly(text: str, originals: Mapping[str, str]) -> str:
    """The text with each pseudonym replaced, the longer ones first."""
    for form in sorted(originals, key=len, reverse=True):
        text = text.replace(form, originals[form])
    return text


class Said(msgspec.Struct):
    """A reply in a form that all wires can tell."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = []


def said(choice: Choice, originals: Mapping[str, str] | None = None, *, signed: bool = False) -> Said:
    """What an answer says, with `originals` put back plainly."""
    found = Said()
    for part in choice.parts:
        match part:
            case TextPart():
                found.text += part.text
            case ReasoningPart():
                found.reasoning += part.text
            case ToolCallPart():
                arguments = part.arguments if part.kind == "custom" else json.loads(part.arguments)
                found.calls.append((part.name, arguments))
    if originals is not None:
        found.text = plainly(found.text, originals)
        found.calls = [(name, _plainly(arguments, originals)) for name, arguments in found.calls]
        if not signed:
            found.reasoning = plainly(found.reasoning, originals)
    return found


def _plainly(value: Any, originals: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return plainly(value, originals)
    if isinstance(value, list):
        return [_plainly(item, originals) for item in value]
    if isinstance(value, dict):
        return {name: _plainly(field, originals) for name, field in value.items()}
    return value


def fault(made: Case, random: Random) -> str | None:
    """What is wrong with what the client has of this stream, None where all of it came back."""
    expected = said(fold(made.events).choices[0], made.originals, signed=made.upstream in _SIGNS_REASONING)
    told = translated(made, random)
    found = said(read(WIRES[made.client], told))
    if made.client == "openai-chat":
        # Another vendor's signature comes with all of the text that it signs, for the client to send back.
        found.reasoning = _reasoning_told(told)
    return None if found == expected else f"{found!r}, not {expected!r}"


def _reasoning_told(stream: bytes) -> str:
    """The reasoning that a client of Chat Completions shows."""
    chunks = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: {")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("reasoning_content") or "" for delta in deltas)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.restoring", description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts as JSON")
    options = parser.parse_args()
    gc.freeze()
    started = time.monotonic()
    faults, pairs = [], Counter[str]()
    for number in range(options.streams):
        made = case(number, options.seed)
        pairs[f"{made.upstream} to {made.client}"] += 1
        if (wrong := fault(made, Random(f"cuts {options.seed} {number}"))) is not None:
            faults.append(number)
            print(f"stream {number} ({made.upstream} to {made.client}): {wrong}", file=sys.stderr)
    took_s = time.monotonic() - started
    print(f"{options.streams:,} streams over {len(pairs)} pairs of wires in {took_s:.0f} s: {len(faults)} not intact")
    if options.json is not None:
        written = {"streams": options.streams, "pairs": pairs, "not_intact": faults}
        options.json.write_text(json.dumps(written, indent=1) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
