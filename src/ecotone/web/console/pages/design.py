"""The page that shows what pages are made of."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.web.console.rendering import render


async def page(request: Request) -> Response:
    return render(request, "design.html")


ROUTES = (Route("/design", page),)
