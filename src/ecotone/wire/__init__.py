"""Wire formats: what travels between clients, Ecotone and the models, one subject a file.

Everything here is pure: bytes and values in, bytes and values out; no I/O, no clock, no logging. A wire serves both
roles, towards clients and towards upstreams; `wire` says what that takes. Both meet in the values, so N wires give
N x N directions. What a target cannot express is declared in `losses`.

`openai_chat` is OpenAI's Chat Completions, the common tongue of open model servers. `watch` looks after a reply that
passes through because client and upstream speak the same wire, `translation` after one that does not.
"""

from ecotone.wire import ollama
from ecotone.wire.anthropic import WIRE as ANTHROPIC
from ecotone.wire.gemini import WIRE as GEMINI
from ecotone.wire.openai_chat import WIRE as OPENAI_CHAT
from ecotone.wire.openai_responses import WIRE as OPENAI_RESPONSES
from ecotone.wire.wire import ClientWire, Wire

WIRES: dict[str, Wire] = {wire.name: wire for wire in (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI)}
"""The wires that Ecotone brings along, by name."""

CLIENT_WIRES: dict[str, ClientWire] = {wire.name: wire for wire in (ollama.CHAT, ollama.GENERATE)}
"""Those that clients alone speak, by name."""
