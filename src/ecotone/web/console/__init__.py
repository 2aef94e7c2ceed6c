"""The console: pages for people, rendered on the server."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from ecotone.gateway.build import Runtime
from ecotone.gateway.sessions import Sessions
from ecotone.gateway.settings.paths import Home
from ecotone.storage.database import Database
from ecotone.web.app import App

if TYPE_CHECKING:
    from ecotone.web.console.site import Site
    from ecotone.web.control.control import Control


class Console:
    """The console of one gateway. Its site is made when it is first asked for, since what it takes is not light."""

    def __init__(self, runtime: Runtime, home: Home, url: str, config_file: Path | None, folder: Path) -> None:
        self._runtime = runtime
        self._home = home
        self._url = url
        self._config_file = config_file
        self._folder = folder
        self._database = Database(home.database)
        self._sessions = Sessions(self._database)
        self._control: Control | None = None
        self._site: Site | None = None

    @staticmethod
    def prepare() -> None:
        """Load what the site takes. In a thread, so that requests need not wait."""
        from ecotone.catalog.organisation import Organisation
        from ecotone.gateway.inventory.catalog_rows import Wanted, catalog_rows
        from ecotone.gateway.inventory.model_facts import View
        from ecotone.web.console import rendering, site  # noqa: F401 - to have it loaded

        rendering.compile_templates()
        catalog_rows(Wanted(), View(Organisation(), datetime.now(UTC).date()))

    def site(self, app: App) -> "Site":
        """What serves /console/ and /control/ beside `app`, by the same rules for who is let in."""
        if self._site is None:
            from ecotone.web.console.site import Site
            from ecotone.web.control.control import Control

            self._control = Control(self._runtime, self._home, self._url, self._config_file, self._folder)
            self._site = Site(self._control, self._sessions, lambda: app.door)
        return self._site

    def link(self) -> str:
        """An address that signs the owner in, once."""
        return sign_in_link(self._sessions, self._url, owner(), datetime.now(UTC))

    def let_go(self) -> None:
        """The gateway is to stop: end what pages only watch."""
        if self._control is not None:
            self._control.stopping.set()

    async def close(self) -> None:
        if self._control is not None:
            await self._control.close()
        self._database.close()


def owner() -> str:
    """Whom a link signs in if nobody says: the user of this machine who runs the command."""
    with suppress(OSError, KeyError):  # a user without a name, as in some containers
        return getuser()
    return f"user {os.getuid()}"


def sign_in_link(sessions: Sessions, url: str, name: str, now: datetime) -> str:
    """An address that signs `name` in at this gateway, once. Raises SetupError."""
    return f"{url}/console/sign-in?token={sessions.invite(name, now)}"
