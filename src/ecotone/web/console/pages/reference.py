"""The control plane's operations, to browse."""

from itertools import groupby
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.values.errors import NotFound
from ecotone.web.console.rendering import render


class Operation(msgspec.Struct, frozen=True):
    """One operation, as the page shows it. `takes` and `gives` name schemas; None where there is none."""

    subject: str
    method: str
    path: str
    summary: str
    parameters: tuple[str, ...]
    takes: str | None
    gives: str | None


async def page(request: Request) -> Response:
    described = request.app.state.described
    every = [
        _operation(method, path, told)
        for path, methods in described["paths"].items()
        for method, told in methods.items()
    ]
    groups = [(subject, list(rows)) for subject, rows in groupby(every, lambda row: row.subject)]
    return render(request, "reference.html", groups=groups, schemas=described["components"]["schemas"])


async def shape(request: Request) -> Response:
    """One schema, for the page to show once somebody opens it. Raises NotFound."""
    schemas = request.app.state.described["components"]["schemas"]
    name = request.path_params["name"]
    if name not in schemas:
        raise NotFound(f"There is no shape {name!r}.")
    return render(request, "reference_shape.html", schema=schemas[name])


def _operation(method: str, path: str, told: dict[str, Any]) -> Operation:
    return Operation(
        told["tags"][0],
        method.upper(),
        path,
        told["summary"],
        tuple(f"{one['name']}{'' if one['required'] else '?'}" for one in told["parameters"]),
        _schema(told.get("requestBody")),
        _schema(told["responses"].get("200")),
    )


def _schema(content: dict[str, Any] | None) -> str | None:
    if content is None:
        return None
    kind, told = next(iter(content["content"].items()))
    schema = told["schema"]
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array" and "$ref" in schema.get("items", {}):
        return f"list of {schema['items']['$ref'].rpartition('/')[2]}"
    return kind if kind != "application/json" else str(schema.get("type", "JSON"))


ROUTES = (Route("/api", page), Route("/api/shapes/{name}", shape))
