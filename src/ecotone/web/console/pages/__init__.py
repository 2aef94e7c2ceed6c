"""The pages, one file each. Their paths follow /console."""

from starlette.routing import Route

from ecotone.web.console.pages import chat, connect, design, evaluations, home, models, reference, rules

ROUTES: tuple[Route, ...] = (
    *home.ROUTES,
    *chat.ROUTES,
    *connect.ROUTES,
    *design.ROUTES,
    *evaluations.ROUTES,
    *models.ROUTES,
    *reference.ROUTES,
    *rules.ROUTES,
)
