"""`ecotone models load` and `unload`: what a running gateway keeps in memory."""

import msgspec

from ecotone.cli.controlling import control_client
from ecotone.cli.output import print_json, say
from ecotone.gateway.inventory.model_states import ModelState
from ecotone.values.sizes import in_bytes


def load(name: str, as_json: bool) -> None:
    """Have an embedded model in memory; returns when it is ready."""
    state = _asked("load", name, as_json)
    if state is not None:
        memory = "" if state.memory_bytes is None else f", about {in_bytes(state.memory_bytes)} of memory"
        say(f"{name} is loaded{memory}")


def unload(name: str, as_json: bool) -> None:
    """Let an embedded model's memory go."""
    if _asked("unload", name, as_json) is not None:
        say(f"{name} is unloaded; the next request for it loads it again")


def _asked(what: str, name: str, as_json: bool) -> ModelState | None:
    with control_client() as control:
        state = msgspec.convert(control.ask("POST", f"/models/{what}", {"model": name}), type=ModelState)
    if as_json:
        print_json(state)
        return None
    return state
