"""The pages, one file each. Their paths follow /console."""

from starlette.routing import Route

from ecotone.web.console.pages import (
    advise,
    chat,
    compare,
    connect,
    design,
    evaluations,
    home,
    model,
    models,
    reference,
    rules,
)

ROUTES: tuple[Route, ...] = (
    *home.ROUTES,
    *advise.ROUTES,
    *chat.ROUTES,
    *compare.ROUTES,
    *connect.ROUTES,
    *design.ROUTES,
    *evaluations.ROUTES,
    *models.ROUTES,
    *model.ROUTES,
    *models.SHORT,
    *reference.ROUTES,
    *rules.ROUTES,
)
