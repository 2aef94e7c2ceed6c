"""Images and sound through the gateway, with a vendor of them behind it and the official SDK in front."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from tests.running import RunningGateway, gateway
from tests.vendors import Delivery, Ending, Reply
from tests.vendors.openai_media import AUDIO_TOKENS, IMAGE_TOKENS, PIXEL, SOUND, FakeMedia

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-vendor-secret"
# Bytes that look like the ends of lines and like boundaries.
AWKWARD = b"\r\n--\r\n\r\n--boundary--\r\n\x00\xff" * 20_000


class House:
    """A gateway and the vendor behind it."""

    def __init__(self, gate: RunningGateway, vendor: FakeMedia) -> None:
        self.gate, self.vendor, self.client = gate, vendor, gate.client()

    async def last_row(self) -> dict[str, Any]:
        """The request log's row of the last request that the vendor got."""
        rows = await self.gate.rows(len(self.vendor.requests))
        return rows[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    names = {"painter": "gpt-image-1", "writer": "gpt-4o-transcribe", "old-writer": "whisper-1", "voice": "tts-1"}
    async with FakeMedia(KEY) as vendor:
        config = "\n".join(
            f'[models.{ours}]\nprovider = "openai"\nbase_url = "{vendor.base_url}"\nname = "{theirs}"\n'
            for ours, theirs in names.items()
        )
        async with gateway(tmp_path_factory.mktemp("media"), config, environment={"OPENAI_API_KEY": KEY}) as gate:
            house = House(gate, vendor)
            async with house.client:
                yield house


async def test_an_image_is_made(house: House) -> None:
    raw = await house.client.images.with_raw_response.generate(model="painter", prompt="a meadow", n=2, quality="low")
    reply = raw.parse()
    assert [len(image.b64_json or "") > 0 for image in reply.data or ()] == [True, True]
    assert raw.headers["x-ecotone-model"] == "painter"
    assert house.vendor.requests[-1].json == {"model": "gpt-image-1", "prompt": "a meadow", "n": 2, "quality": "low"}
    row = await house.last_row()
    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("images.generations", 12, 1056)


async def test_an_image_arrives_in_steps(house: House) -> None:
    stream = await house.client.images.generate(
        model="painter", prompt="a meadow", stream=True, partial_images=1, quality="low"
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert (await house.last_row())["output_tokens"] == IMAGE_TOKENS["output_tokens"]


async def test_an_image_is_edited_and_varied(house: House) -> None:
    edited = await house.client.images.edit(
        model="painter", image=[("a.png", PIXEL), ("b.png", AWKWARD)], mask=("m.png", PIXEL), prompt="more grass"
    )
    assert edited.usage is not None
    form = house.vendor.uploads[-1]
    assert form.fields == {"model": "gpt-image-1", "prompt": "more grass"}
    assert form.files == [("image[]", PIXEL), ("image[]", AWKWARD), ("mask", PIXEL)]
    with pytest.deprecated_call():
        varied = await house.client.images.create_variation(model="painter", image=("a.png", PIXEL))
    assert varied.data
    assert house.vendor.uploads[-1].files == [("image", PIXEL)]


async def test_sound_becomes_text(house: House) -> None:
    house.vendor.script(Reply(text="Reeds in the wind."))
    reply = await house.client.audio.transcriptions.create(
        model="writer", file=("reeds.wav", AWKWARD), prompt="Söhne", temperature=0.5
    )
    assert reply.text == "Reeds in the wind."
    form = house.vendor.uploads[-1]
    assert form.files == [("file", AWKWARD)]
    assert form.fields == {"model": "gpt-4o-transcribe", "prompt": "Söhne", "temperature": "0.5"}
    row = await house.last_row()
    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("audio.transcriptions", 31, 9)


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
async def test_subtitles_come_as_the_text_they_are(house: House, form: Any) -> None:
    raw = await house.client.audio.transcriptions.with_raw_response.create(
        model="old-writer", file=io.BytesIO(SOUND), response_format=form
    )
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert "What was said." in raw.text
    assert (await house.last_row())["input_tokens"] is None, "seconds are no tokens"


async def test_a_transcript_arrives_as_it_is_written(house: House) -> None:
    stream = await house.client.audio.transcriptions.create(model="writer", file=("a.wav", SOUND), stream=True)
    assert [event.type async for event in stream] == ["transcript.text.delta"] * 3 + ["transcript.text.done"]
    row = await house.last_row()
    assert (row["stream"], row["input_tokens"]) == (1, AUDIO_TOKENS["input_tokens"])


async def test_a_model_that_does_not_stream_answers_whole(house: House) -> None:
    async with httpx.AsyncClient() as client:
        reply = await client.post(
            f"{house.gate.base_url}/audio/transcriptions",
            data={"model": "old-writer", "stream": "true"},
            files={"file": SOUND},
            headers={"authorization": "Bearer any"},
        )
    assert (reply.status_code, reply.json()["text"]) == (200, "What was said.")
    assert reply.headers["content-type"] == "application/json"


async def test_a_transcript_that_breaks_ends_with_an_error(house: House) -> None:
    house.vendor.script(Reply(delivery=Delivery(events=2, ending=Ending.NO_DONE)))
    stream = await house.client.audio.transcriptions.create(model="writer", file=("a.wav", SOUND), stream=True)
    with pytest.raises(openai.APIError, match="ended before its last event"):
        _ = [event async for event in stream]
    assert (await house.last_row())["error"] == "upstream_cut"


async def test_foreign_speech_is_translated(house: House) -> None:
    with pytest.deprecated_call():
        reply = await house.client.audio.translations.create(model="old-writer", file=("a.wav", SOUND))
    assert reply.text == "What was said."
    assert house.vendor.requests[-1].path == "/v1/audio/translations"


async def test_text_becomes_sound(house: House) -> None:
    reply = await house.client.audio.speech.create(model="voice", input="Hello.", voice="alloy", response_format="wav")
    assert await reply.aread() == SOUND
    assert reply.response.headers["content-type"] == "audio/wav"
    assert (await house.last_row())["operation"] == "audio.speech"


async def test_sound_arrives_while_it_is_made(house: House) -> None:
    gate = asyncio.Event()
    house.vendor.script(Reply(delivery=Delivery(events=3, gate=gate)))
    async with house.client.audio.speech.with_streaming_response.create(
        model="voice", input="Hello.", voice="alloy"
    ) as reply:
        pieces = reply.iter_bytes()
        begun = b""
        while len(begun) < 3 * 1024:
            begun += await asyncio.wait_for(anext(pieces), 10)
        gate.set()
        assert begun + b"".join([piece async for piece in pieces]) == SOUND


async def test_sound_that_breaks_off_does_not_end_well(house: House) -> None:
    house.vendor.script(Reply(delivery=Delivery(events=3, ending=Ending.RESET)))
    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        await house.client.audio.speech.create(model="voice", input="Hello.", voice="alloy")
    assert (await house.last_row())["error"] == "upstream_cut"


async def test_speech_as_events(house: House) -> None:
    async with house.client.audio.speech.with_streaming_response.create(
        model="voice", input="Hello.", voice="alloy", stream_format="sse"
    ) as reply:
        assert "speech.audio.done" in (await reply.read()).decode()
    assert (await house.last_row())["output_tokens"] == 9


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"data": {"prompt": "x"}, "files": {"image": PIXEL}}, "`model` must be a field"),
        ({"files": {"model": b"painter", "image": PIXEL}}, "`model` must be a text"),
        ({"content": b"nothing", "headers": {"content-type": "multipart/form-data; boundary=b"}}, "does not begin"),
    ],
)
async def test_forms_that_cannot_be_read_are_refused(house: House, form: Any, said: str) -> None:
    headers = {"authorization": "Bearer any"} | form.pop("headers", {})
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{house.gate.base_url}/images/edits", headers=headers, **form)
    assert reply.status_code == 400
    assert said in reply.json()["error"]["message"]


async def test_pages_cannot_send_forms(house: House) -> None:
    seen = len(house.vendor.requests)
    form: Any = {"data": {"model": "painter", "prompt": "x"}, "files": {"image": PIXEL}}
    key, site = {"authorization": "Bearer any"}, {"sec-fetch-site": "cross-site"}
    async with httpx.AsyncClient() as client:
        for headers, path, status in [
            ({}, "images/edits", 403),
            ({}, "images/edits?key=any", 403),
            (key | {"origin": "https://evil.example"}, "images/edits", 403),
            (key | {"origin": "null"}, "images/edits", 403),
            (key | site, "images/edits", 403),
            (key, "images/generations", 415),
            (key, "chat/completions", 415),
            (key, "images/edits", 200),
        ]:
            reply = await client.post(f"{house.gate.base_url}/{path}", headers=headers, **form)
            assert reply.status_code == status, (headers, path, reply.text)
    assert len(house.vendor.requests) == seen + 1


async def test_who_does_not_speak_openais_form_is_not_asked(tmp_path: Any, smollm2_path: Any) -> None:
    config = f'[models.local]\nengine = "llama.cpp"\nsource = "file:{smollm2_path}"\n'
    async with gateway(tmp_path, config) as gate, gate.client() as client:
        with pytest.raises(openai.BadRequestError, match="not known to offer making images") as caught:
            await client.images.generate(model="local", prompt="x")
    assert caught.value.code == "unsupported_feature"
