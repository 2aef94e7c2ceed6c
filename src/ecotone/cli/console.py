"""`ecotone console`: a link that signs somebody in to the console of the gateway that runs."""

import os
import webbrowser
from datetime import UTC, datetime

from ecotone.cli.output import out, print_json, say
from ecotone.cli.running import read_note
from ecotone.gateway.build import open_database
from ecotone.gateway.sessions import INVITATION_VALID, Sessions
from ecotone.gateway.settings.paths import find_home
from ecotone.values.errors import SetupError
from ecotone.web.console import owner, sign_in_link


def run(name: str | None, *, address: str | None, opened: bool, as_json: bool) -> None:
    """Print the link, and open it in the browser if that is wished. Raises SetupError where no gateway runs."""
    home = find_home(os.environ)
    url = address or os.environ.get("ECOTONE_URL")
    if url is None:
        note = read_note(home)
        if note is None:
            raise SetupError(
                "no gateway runs on this home; start one with `ecotone up`, which prints such a link itself"
            )
        url = note.url
    url = url.rstrip("/").removesuffix("/v1")
    name = name or owner()
    link = sign_in_link(Sessions(open_database(home)), url, name, datetime.now(UTC))
    if as_json:
        print_json({"link": link, "name": name, "valid_s": int(INVITATION_VALID.total_seconds())})
        return
    out.out(link, highlight=False)
    say(f"It signs {name!r} in, once, within the hour.")
    if opened and not webbrowser.open(link):
        say("no browser could be opened here; open the link yourself")
