"""Reasoning in a request that a vendor has signed in an earlier turn, and takes back only as it was."""

from collections.abc import Iterator
from typing import Any

# Claude's `thinking`, items of the Responses API, `reasoning_details` of Chat Completions; Gemini says `thought`.
_TYPES = frozenset({"thinking", "reasoning", "reasoning.text", "reasoning.summary"})
_PROOFS = ("signature", "encrypted_content", "thoughtSignature", "thought_signature")


def signed_reasoning(request: Any) -> Iterator[str]:
    """The texts of it, wherever they stand in a request of any wire."""
    stops = [request]
    while stops:
        stop = stops.pop()
        if isinstance(stop, list):
            stops += stop
        elif isinstance(stop, dict):
            kind = stop.get("type")
            thinks = (isinstance(kind, str) and kind in _TYPES) or stop.get("thought") is True
            if thinks and any(stop.get(proof) for proof in _PROOFS):
                yield from _texts(stop)
            else:
                stops += stop.values()


def _texts(signed: dict[str, Any]) -> Iterator[str]:
    stops: list[Any] = [value for name, value in signed.items() if name not in _PROOFS]
    while stops:
        stop = stops.pop()
        if isinstance(stop, str):
            yield stop
        elif isinstance(stop, list):
            stops += stop
        elif isinstance(stop, dict):
            stops += stop.values()
