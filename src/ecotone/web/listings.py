"""Lists of models, and what else a client may ask about a gateway, in the form of each API.

Only what is known is said: sizes, families and prompt templates of models behind other servers are not.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote

from ecotone import __version__
from ecotone.gateway.models import About, Directory
from ecotone.upstream.endpoints import EmbeddedEndpoint
from ecotone.values.errors import MalformedRequest
from ecotone.wire.json_body import decode_json_object

Dialect = Literal["openai", "anthropic", "gemini", "ollama"]

OLLAMA_VERSION = f"0.13.0+ecotone.{__version__}"
"""The version of Ollama whose API this one is like, since clients ask for it before they use one of its parts."""

_GEMINI_METHODS = ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"]


class Listings:
    """What `directory` holds at this moment, in words of several APIs. `started_at_s` stands for the time at which a
    model came to be: Unix seconds, UTC."""

    def __init__(self, directory: Directory, started_at_s: int) -> None:
        self._directory = directory
        self._created = started_at_s

    def models(self, dialect: Dialect, name: str = "") -> Any:
        """All models and routes, or the one of this name. Raises ModelNotFound."""
        if name:
            return self._row(dialect, name, self._directory.about(name))
        names = (*self._directory.routes, *self._directory.models)
        rows = [self._row(dialect, known, self._directory.about(known)) for known in names]
        match dialect:
            case "anthropic":
                ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
                return {"data": rows, "has_more": False, **ends}
            case "gemini" | "ollama":
                return {"models": rows}
        return {"object": "list", "data": rows}

    def _row(self, dialect: Dialect, name: str, about: About) -> dict[str, Any]:
        match dialect:
            case "anthropic":
                row = {"type": "model", "id": name, "display_name": name, "created_at": self._time()}
                return {**row, "lifecycle": "active"}
            case "gemini":
                row = {"name": f"models/{name}", "baseModelId": name, "displayName": name}
                return {**row, "supportedGenerationMethods": _GEMINI_METHODS}
            case "ollama":
                return {"name": name, "model": name, "modified_at": self._time(), "details": {}} | _digest(about)
        owner = "ecotone" if about.kind == "route" else about.endpoints[0].provider
        return {"id": name, "object": "model", "created": self._created, "owned_by": owner, "ecotone": about}

    def _time(self) -> str:
        return datetime.fromtimestamp(self._created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def show(self, body: bytes) -> Any:
        """Ollama's `/api/show`. Raises MalformedRequest and ModelNotFound."""
        request = decode_json_object(body)
        name = request.get("model") or request.get("name")
        if not isinstance(name, str):
            raise MalformedRequest("`model` must be the name of a model or route.", param="model")
        about = self._directory.about(name)
        # What the API takes; whether a model can do it shows when it is asked.
        capabilities = ["completion", "tools"]
        details = {"modified_at": self._time(), "details": {}, "model_info": {}, "capabilities": capabilities}
        return {**details, "ecotone": about}

    def loaded(self) -> Any:
        """Ollama's `/api/ps`: the embedded models that are in memory."""
        rows = []
        for name, model in self._directory.models.items():
            if any(isinstance(endpoint, EmbeddedEndpoint) and endpoint.loaded for endpoint in model.endpoints):
                rows.append({"name": name, "model": name, "details": {}} | _digest(self._directory.about(name)))
        return {"models": rows}


def _digest(about: About) -> dict[str, str]:
    known = [endpoint.sha256 for endpoint in about.endpoints if endpoint.sha256 is not None]
    return {"digest": known[0]} if known else {}


def listing_asked(path: str, headers: Mapping[bytes, bytes]) -> tuple[Dialect, str] | None:
    """In which form a GET of `path` asks for models, and for which one (empty: for all). None if it does not."""
    if path == "/api/tags":
        return "ollama", ""
    for prefix in ("/v1/models", "/v1beta/models", "/v1alpha/models"):
        if path == prefix or path.startswith(prefix + "/"):
            name = unquote(path[len(prefix) + 1 :])
            if prefix != "/v1/models" or b"x-goog-api-key" in headers or b"x-goog-api-client" in headers:
                return "gemini", name
            return ("anthropic" if b"anthropic-version" in headers else "openai"), name
    return None
