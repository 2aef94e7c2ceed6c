"""Parts that a model made, written as items: for a request's history and for a reply alike."""

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Inline,
    Json,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.values.reply import TokenLogprob
from ecotone.wire.losses import Losses
from ecotone.wire.openai_responses.items import (
    ItemIds,
    encode_call,
    encode_image,
    encode_message_content,
    encode_message_head,
    encode_reasoning,
    message_rest,
)
from ecotone.wire.openai_responses.vendor import FORM, NAME, form_of


def as_spoken(part: Part) -> TextPart | RefusalPart | OpaquePart | None:
    """The content of a message that `part` is, None where it is an item of its own. Speech is its transcript."""
    match part:
        case TextPart() | RefusalPart():
            return part
        case ToolCallPart():
            return None
        case OpaquePart() if part.wire == NAME and form_of(part.vendor, "at") == "content":
            return part
        case AudioPart(transcript=str(transcript)):
            return TextPart(transcript, part.vendor)
    return None


class RequestItems:
    """The items of a request's history, in the order of the conversation."""

    def __init__(self, losses: Losses) -> None:
        self.items: list[Json] = []
        self._losses = losses
        self._ids = ItemIds()
        self._message: Json | None = None
        self._thoughts = 0

    def add(self, item: Json) -> None:
        """An item that is not the model's own."""
        self._drop_dangling()
        self._message = None
        self.items.append(item)

    def add_own(self, part: Part, place: str) -> None:
        """A part that the model made."""
        spoken = as_spoken(part)
        if spoken is not None:
            self._speak(spoken, place)
            return
        self._message = None
        identity = len(self.items)
        match part:
            case ToolCallPart():
                item = encode_call(part, to_client=False)
                for name in ("id", "status"):
                    if (value := form_of(part.vendor, name)) is not None:
                        item[name] = value
                self._losses.rest(part.vendor, place)
            case ReasoningPart():
                self._think(part, place)
                return
            case ImagePart(source=Inline() as data):
                item = encode_image(part, data, self._ids.make("ig", identity))
                self._losses.rest(part.vendor, place)
            case OpaquePart() if part.wire == NAME:
                item = dict(part.data)
            case OpaquePart():
                raise UnsupportedFeature(f"Content that only the wire {part.wire} knows cannot be sent.", param=place)
            case ImagePart() | AudioPart() | DocumentPart():
                raise UnsupportedFeature(
                    "An assistant's message cannot hold this sound, file or image by address on this wire.", param=place
                )
            case _:
                raise UnsupportedFeature("A message with role assistant cannot hold a tool result.", param=place)
        self._thoughts = 0
        self.items.append(item)

    def close(self) -> list[Json]:
        """All items; to be called once."""
        self._drop_dangling()
        return self.items

    def new_message(self) -> None:
        """What is spoken from here on stands in a message of its own."""
        self._message = None

    def _speak(self, part: TextPart | RefusalPart | OpaquePart, place: str) -> None:
        form = form_of(part.vendor, "item")
        rest = self._losses.rest(part.vendor, place)
        if form is not None and form.get("content") == "string" and isinstance(part, TextPart):
            item: Json = {"type": "message", "role": "assistant", "content": part.text} | message_rest(rest)
            self._message = None
            self.items.append(item)
        else:
            if self._message is None or form is not None:
                self._message = encode_message_head(part, self._ids.make("msg", len(self.items)))
                self.items.append(self._message)
            self._message["content"].append(encode_message_content(part, None))
        self._thoughts = 0

    def _think(self, part: ReasoningPart, place: str) -> None:
        own = part.wire in (None, NAME) and (part.signature is not None or {NAME, FORM} & part.vendor.keys())
        if not own:
            whose = "no vendor of this wire" if part.wire is None else f"a vendor on the wire {part.wire}"
            self._losses.add(place, f"reasoning that {whose} has signed")
            return
        identity = self._ids.make("rs", len(self.items))
        self._losses.rest(part.vendor, place)
        self.items.append(encode_reasoning(part, identity, to_client=False, encrypted=True))
        self._thoughts += 1

    def _drop_dangling(self) -> None:
        """Reasoning that nothing follows is refused (https://github.com/openai/openai-node/issues/1567)."""
        if self._thoughts:
            del self.items[-self._thoughts :]
            self._losses.add("messages", "reasoning that nothing of the model's own follows")
            self._thoughts = 0


def encode_output(
    parts: tuple[Part, ...], ids: ItemIds, tokens: tuple[TokenLogprob, ...], *, encrypted: bool
) -> list[Json]:
    """The items of a reply for a client. What this wire has no item for is left out, and so is reasoning of which
    there is nothing to show.

    `tokens` go to the texts as their form says, else to the first. `ids` makes ids of the items' places.
    """
    items: list[Json] = []
    message: Json | None = None
    left = list(tokens)
    unsplit = not any(form_of(part.vendor, "logprobs") for part in parts)
    for part in parts:
        spoken = as_spoken(part)
        if spoken is not None:
            if message is None or form_of(spoken.vendor, "item") is not None:
                message = encode_message_head(spoken, ids.make("msg", len(items)))
                items.append(message)
            count = len(left) if unsplit else form_of(spoken.vendor, "logprobs") or 0
            taken, left = (left[:count], left[count:]) if isinstance(spoken, TextPart) else ([], left)
            message["content"].append(encode_message_content(spoken, taken))
            continue
        item = encode_own_item(part, len(items), ids, encrypted=encrypted)
        if item is not None:
            message = None
            items.append(item)
    return items


def encode_own_item(part: Part, number: int, ids: ItemIds, *, encrypted: bool) -> Json | None:
    """The item of a reply that says a part which is not spoken; None where there is none."""
    match part:
        case ReasoningPart():
            item = encode_reasoning(part, ids.make("rs", number), to_client=True, encrypted=encrypted)
            return item if part.text or "encrypted_content" in item else None
        case ToolCallPart():
            prefix = "ctc" if part.kind == "custom" else "fc"
            item = encode_call(part, to_client=True)
            item["call_id"] = item["call_id"] or ids.make("call", number)
            item["id"] = form_of(part.vendor, "id") or ids.make(prefix, number)
            if part.kind == "function":
                item["status"] = form_of(part.vendor, "status") or "completed"
            return item
        case ImagePart(source=Inline() as data):
            return encode_image(part, data, ids.make("ig", number))
        case OpaquePart() if part.wire == NAME:
            return dict(part.data)
    return None
