"""Fake vendors: servers that speak a vendor's wire format as strictly as the vendor does, scripted per test.

They share no code and no assumptions with the package under test.
"""

from .http_server import FakeVendor, Received
from .openai_chat import FakeOpenAI
from .openai_responses import FakeResponses
from .scripts import (
    Declined,
    Delivery,
    Ending,
    Failure,
    Part,
    Raw,
    Reply,
    Scripted,
    ScriptError,
    Text,
    Thinking,
    ToolCall,
    Usage,
)

__all__ = [
    "Declined",
    "Delivery",
    "Ending",
    "Failure",
    "FakeOpenAI",
    "FakeResponses",
    "FakeVendor",
    "Part",
    "Raw",
    "Received",
    "Reply",
    "ScriptError",
    "Scripted",
    "Text",
    "Thinking",
    "ToolCall",
    "Usage",
]
