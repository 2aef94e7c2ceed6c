"""Streams that Amazon Bedrock frames in its own way, given on as the server-sent events of the wire inside."""

import base64

import msgspec

from ecotone.upstream.http import Response
from ecotone.values.errors import UpstreamMalformed
from ecotone.wire.aws_event_stream import Message, MessageReader

# What Bedrock's exceptions (InvokeModelWithResponseStream, "Errors") are called in Anthropic's API:
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
_ERROR_TYPES = {
    "validationException": "invalid_request_error",
    "throttlingException": "rate_limit_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
}


class _Chunk(msgspec.Struct):
    """The payload of a `chunk` event: PayloadPart, whose `bytes` are JSON in base64."""

    bytes: str


class _Type(msgspec.Struct):
    type: str


class _Exception(msgspec.Struct):
    message: str = ""


class EventStreamResponse:
    """A streamed answer of Bedrock's InvokeModelWithResponseStream, as server-sent events of Anthropic's wire."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._reader = MessageReader()
        self.status = response.status

    def header(self, name: str) -> str | None:
        return "text/event-stream" if name == "content-type" else self._response.header(name)

    async def read_chunk(self) -> bytes | None:
        try:
            while (chunk := await self._response.read_chunk()) is not None:
                events = b"".join(map(_event, self._reader.feed(chunk)))
                if events:
                    return events
            self._reader.close()
        except BaseException:
            self.close()
            raise
        return None

    def close(self) -> None:
        self._response.close()


def _event(message: Message) -> bytes:
    """One message as a server-sent event; empty for one that says nothing."""
    headers = message.headers
    try:
        match headers.get(":message-type"):
            case "event" if headers.get(":event-type") == "chunk":
                data = base64.b64decode(msgspec.json.decode(message.payload, type=_Chunk).bytes, validate=True)
                return _sse(msgspec.json.decode(data, type=_Type).type, data)
            case "event":
                return b""
            case "exception":
                said = msgspec.json.decode(message.payload or b"{}", type=_Exception).message
                return _error(headers.get(":exception-type", ""), said)
            case "error":
                return _error(headers.get(":error-code", ""), headers.get(":error-message", ""))
    except (ValueError, RecursionError):
        pass
    raise UpstreamMalformed("The upstream sent an event that cannot be read.", raw=message.payload)


def _error(exception: str, said: str) -> bytes:
    error = {"type": _ERROR_TYPES.get(exception, "api_error"), "message": said or exception}
    return _sse("error", msgspec.json.encode({"type": "error", "error": error}))


def _sse(name: str, data: bytes) -> bytes:
    # JSON says the same with its line ends as spaces.
    return b"event: %b\ndata: %b\n\n" % (b" ".join(name.encode().splitlines()), b" ".join(data.splitlines()))
