"""The pages, one file each. Their paths follow /console."""

from starlette.routing import Route

from ecotone.web.console.pages import design, evaluations, reference

ROUTES: tuple[Route, ...] = (*design.ROUTES, *evaluations.ROUTES, *reference.ROUTES)
