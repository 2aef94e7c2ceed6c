"""Fake vendors: servers that speak a vendor's wire format as strictly as the vendor does, scripted per test.

They share no code and no assumptions with the package under test.
"""

from .openai_chat import FakeOpenAI, Received
from .openai_replies import Delivery, Ending, Failure, Raw, Reply, Scripted, ScriptError, ToolCall, Usage

__all__ = [
    "Delivery",
    "Ending",
    "Failure",
    "FakeOpenAI",
    "Raw",
    "Received",
    "Reply",
    "ScriptError",
    "Scripted",
    "ToolCall",
    "Usage",
]
