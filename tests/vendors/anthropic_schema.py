"""The vendor's request types, taken from its SDK and closed: what they do not name is refused, at every depth.

The SDK's types are for writing requests, so they are laxer than the vendor: iterables that are checked lazily, open
objects, files beside base64. Here they become pydantic models as the vendor seems to have them, because its error
messages are pydantic's: `messages.0.content.1.text.foo: Extra inputs are not permitted`.
"""

import operator
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from anthropic.types.beta.message_count_tokens_params import MessageCountTokensParams as BetaCountParams
from anthropic.types.beta.message_create_params import MessageCreateParamsBase as BetaCreateParams
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsBase
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, create_model
from typing_extensions import is_typeddict

# Parameters of the SDK's methods that travel as headers.
HEADER_FIELDS = frozenset({"betas", "user_profile_id", "workspace_id"})
STREAM: dict[str, Any] = {"stream": (bool | None, None)}
FORMER, LATEST = VERSIONS = ("2023-06-01", "2026-10-21")
# Gone from the latest version of the API and from the SDK's types, which are its own; the former has them still
# (platform.claude.com/docs/en/api/versioning).
SAMPLING: dict[str, Any] = {
    "temperature": (Annotated[float, Field(ge=0, le=1)] | None, None),
    "top_p": (Annotated[float, Field(ge=0, le=1)] | None, None),
    "top_k": (Annotated[int, Field(ge=0)] | None, None),
}
ID = Annotated[str, Field(pattern="^[a-zA-Z0-9_-]+$")]
# Limits that the vendor names in its error messages and its API reference, by type and field.
LIMITS: dict[tuple[str, str], Any] = {
    ("MessageCreateParamsBase", "max_tokens"): Annotated[int, Field(ge=0)],
    ("ThinkingConfigEnabledParam", "budget_tokens"): Annotated[int, Field(ge=1024)],
    ("ToolParam", "name"): Annotated[str, Field(pattern="^[a-zA-Z0-9_-]{1,128}$")],
    ("ToolUseBlockParam", "name"): Annotated[str, Field(min_length=1, max_length=200)],
    ("ToolUseBlockParam", "id"): ID,
    ("ToolResultBlockParam", "tool_use_id"): ID,
    ("ServerToolUseBlockParam", "id"): Annotated[str, Field(pattern="^srvtoolu_[a-zA-Z0-9_]+$")],
    ("MetadataParam", "user_id"): Annotated[str, Field(max_length=256)] | None,
}
# The steps of an error's path that the vendor does not show.
HIDDEN = "~"
WORDED = {
    "missing": "Field required",
    "extra_forbidden": "Extra inputs are not permitted",
    "model_type": "Input should be a valid dictionary",
    "list_type": "Input should be a valid list",
    "union_tag_not_found": "Field required",
}


@cache
def closed(params: Any) -> type[BaseModel]:
    """A model of one of the SDK's typed dicts that takes its fields and no others."""
    config = ConfigDict(extra="forbid", strict=True)
    if getattr(params, "__pydantic_config__", {}).get("extra") == "allow":
        config["extra"] = "allow"
    if "InputSchema" in params.__name__:
        # A JSON Schema may say more than its type and properties. The beta types forget to say so.
        config["extra"] = "allow"
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(params, include_extras=True).items():
        if name in HEADER_FIELDS:
            continue
        required = get_origin(hint) is Required
        if get_origin(hint) in (Required, NotRequired):
            hint = get_args(hint)[0]
        limit = LIMITS.get((params.__name__.removeprefix("Beta"), name))
        # Names of fields would shadow what pydantic's own models have (`schema`), so they are aliases here.
        default = Field(alias=name) if required else Field(default=None, alias=name)
        fields[f"field_{name}"] = (checked_type(hint) if limit is None else limit, default)
    return create_model(params.__name__, __config__=config, **fields)


def checked_type(hint: Any) -> Any:
    """The same type with every typed dict in it closed, iterables as lists, and what JSON cannot carry left out."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return closed(hint)
    if origin in (Union, UnionType):
        return union(arguments)
    if origin is Annotated:
        return checked_type(arguments[0])
    if hint is object:
        return Any
    if origin is Literal or origin is None:
        return hint
    if origin is dict:
        return GenericAlias(dict, (str, checked_type(arguments[1])))
    # Iterable, List and the SDK's own protocol for sequences of strings.
    return GenericAlias(list, (checked_type(arguments[0]),))


def union(members: Iterable[Any]) -> Any:
    """Alternatives, told apart as the vendor tells them apart, so that an error names the one that was meant."""
    kept = [member for member in members if member is not NoneType and sendable(member)]
    optional = NoneType in members
    dicts = [member for member in kept if is_typeddict(member)]
    rest = [member for member in kept if not is_typeddict(member)]
    if str in rest and any(get_origin(member) is Literal for member in rest):
        rest = [str]
    if dicts:
        # A plain dict beside a typed one (a tool's schema) would let everything pass.
        rest = [member for member in rest if get_origin(member) is not dict]
    choices: list[Any] = [checked_type(member) for member in rest]
    if dicts:
        choices.insert(0, tagged(dicts))
    if len(choices) == 1:
        found = choices[0]
    elif str in choices and len(choices) == 2:
        found = text_or(next(choice for choice in choices if choice is not str))
    else:
        found = reduce(operator.or_, choices)
    return found | None if optional else found


def sendable(member: Any) -> bool:
    """False for files and for the SDK's reply objects, which it turns into the typed dicts before it sends them."""
    if is_typeddict(member) or get_origin(member) in (Literal, Union, UnionType, dict, list):
        return True
    if get_origin(member) is not None:
        return getattr(get_origin(member), "__module__", "") != "typing" and not is_file(member)
    return member in (str, int, float, bool, object)


def is_file(member: Any) -> bool:
    return get_origin(member).__name__ in ("IO", "PathLike")


def tagged(dicts: list[Any]) -> Any:
    """One of several typed dicts, chosen by its `type`, or a message by its `role`."""
    hints = [get_type_hints(member) for member in dicts]
    key = next((key for key in ("type", "role") if all(key in each for each in hints)), None)
    if key is None or len(dicts) == 1:
        return reduce(operator.or_, map(closed, dicts))
    default = None
    alternatives = []
    for member, each in zip(dicts, hints, strict=True):
        names = literals(each[key])
        if NoneType in get_args(each[key]):
            default = names[0]
        alternatives += [Annotated[closed(member), Tag(name if key == "type" else HIDDEN + name)] for name in names]

    def tag(value: Any) -> str | None:
        name = value.get(key) if isinstance(value, Mapping) else None
        name = default if name is None else name
        if not isinstance(name, str):
            return None
        return name if key == "type" else HIDDEN + name

    return Annotated[reduce(operator.or_, alternatives), Discriminator(tag)]


def literals(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    return [name for inner in get_args(hint) for name in literals(inner)]


def text_or(other: Any) -> Any:
    def tag(value: Any) -> str:
        return "~text" if isinstance(value, str) else "~other"

    return Annotated[Annotated[str, Tag("~text")] | Annotated[other, Tag("~other")], Discriminator(tag)]


@cache
def request_model(version: str, betas: frozenset[str], counting: bool) -> type[BaseModel]:
    """What POST /v1/messages takes, or its count_tokens; with beta headers the SDK's beta types."""
    if counting:
        return closed(BetaCountParams if betas else MessageCountTokensParams)
    extra = STREAM | (SAMPLING if version == FORMER else {})
    if any(beta.startswith("structured-outputs-") for beta in betas):
        extra = extra | {"output_format": (dict[str, Any] | None, None)}
    base = closed(BetaCreateParams if betas else MessageCreateParamsBase)
    return create_model("Request", __base__=base, **extra)


def first_violation(body: bytes, version: str, betas: frozenset[str], *, counting: bool) -> str | None:
    """The first thing wrong with a request's body, worded as the vendor does; None if it obeys the types."""
    try:
        request_model(version, betas, counting).model_validate_json(body)
    except ValidationError as invalid:
        error = invalid.errors(include_url=False, include_input=False)[0]
        message = worded(error["type"], error["msg"], error.get("ctx", {}))
        where = place(error["loc"])
        if error["type"] == "union_tag_not_found":
            where += ".role" if error["loc"][:-1] == ("messages",) else ".type"
        return f"{where}: {message}" if where else message
    return None


def place(path: tuple[str | int, ...]) -> str:
    """`messages.0.content.1.image.source.base64.data`; cache marks show their type as the vendor's do."""
    steps = []
    for step in path:
        text = str(step)
        if text.startswith(HIDDEN):
            continue
        steps += [text, "ephemeral"] if text == "cache_control" else [text]
    if steps[-1:] == ["ephemeral"]:
        steps.pop()
    return ".".join(steps)


def worded(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == "union_tag_invalid":
        expected = context["expected_tags"].replace(HIDDEN, "")
        key = "role" if HIDDEN in context["expected_tags"] else "type"
        tag = context["tag"].removeprefix(HIDDEN)
        return f"Input tag '{tag}' found using '{key}' does not match any of the expected tags: {expected}"
    if kind == "json_invalid":
        return f"The request body is not valid JSON: {context['error']}"
    return WORDED.get(kind, message)
