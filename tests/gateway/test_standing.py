"""How endpoints are, told in words for their owner."""

from pathlib import Path

from ecotone.gateway.build import Runtime
from ecotone.gateway.inventory.model_states import look_at_shelf, model_states
from ecotone.gateway.inventory.pulls import Pulls
from ecotone.gateway.settings.config import parse_config
from ecotone.gateway.settings.paths import Home
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.standing import EndpointStanding, RouteStanding, Standing, find_standing
from ecotone.gateway.traffic import finder

CONFIG = """
[models.absent]
engine = "llama.cpp"
source = "file:absent.gguf"

[models.ours]
provider = "vllm"
name = "Qwen/Qwen3-32B"
hosting = "self-hosted"

[models.theirs]
provider = "anthropic"
name = "claude-sonnet-4-5"

[routes.assistant]
models = ["ours", "theirs"]
"""


async def _nothing(*_: object) -> None:
    pass


def found(runtime: Runtime, now_s: float) -> tuple[Standing, dict[str, EndpointStanding]]:
    directory = runtime.gateway.directory
    find = finder(directory, installed().providers)
    places = {one.endpoint.id: find(one.endpoint.id) for name in directory.models for one in directory.candidates(name)}
    standing = find_standing(runtime, directory, places, now_s)
    return standing, {endpoint.model: endpoint for endpoint in standing.endpoints}


async def test_what_can_answer_and_what_keeps_the_rest_from_it(tmp_path: Path) -> None:
    config = parse_config(CONFIG, tmp_path / "ecotone.toml")
    runtime = Runtime(Home(tmp_path / "home"), {}, config, folder=tmp_path)
    try:
        runtime.apply(config)
        standing, by_model = found(runtime, 0.0)
        assert {name: (one.state, one.can_answer, one.weights, one.hosting) for name, one in by_model.items()} == {
            "absent": ("unavailable", False, "open", "embedded"),
            "ours": ("ready", True, "open", "self-hosted"),
            "theirs": ("unavailable", False, "closed", "vendor"),
        }
        assert "ANTHROPIC_API_KEY" in (by_model["theirs"].problem or "")
        assert standing.routes == (RouteStanding("assistant", ("ours", "theirs")),)
        assert (standing.rules, standing.memory_bytes, standing.problem, standing.log_problem) == (0, 0, None, None)
        runtime.gateway.health.failed("ours@vllm", None, 100.0)
        assert (
            found(runtime, 100.2)[1]["ours"].problem == "failed when it was asked last; it is tried last for 1 s more"
        )
        runtime.gateway.health.failed("ours@vllm", None, 110.0)
        resting = found(runtime, 190.0)[1]["ours"]
        assert (resting.state, resting.can_answer) == ("resting", True)
        assert resting.problem == "failed 2 times in a row; it is being tried again"
        runtime.gateway.health.failed("ours@vllm", None, 0.0)  # long ago by the machine's clock
        pulls, shelf = Pulls(runtime.store, _nothing), look_at_shelf(config.models, runtime.store, tmp_path)
        told = {state.name: (state.condition, state.because) for state in model_states(runtime, pulls, shelf)}
        assert told["ours"] == ("resting", "failed 3 times in a row; it is being tried again")
    finally:
        await runtime.close()


async def test_a_config_that_changes_while_one_looks_does_not_disturb(tmp_path: Path) -> None:
    config = parse_config(CONFIG, tmp_path / "ecotone.toml")
    runtime = Runtime(Home(tmp_path / "home"), {}, config, folder=tmp_path)
    try:
        runtime.apply(config)
        before = runtime.gateway.directory
        find = finder(before, installed().providers)
        places = {one.endpoint.id: find(one.endpoint.id) for name in before.models for one in before.candidates(name)}
        runtime.apply(
            parse_config(CONFIG.replace("[models.ours]", "[models.new]").replace('"ours"', '"new"'), Path("a"))
        )
        standing = find_standing(runtime, before, places, 0.0)
        assert {endpoint.model for endpoint in standing.endpoints} == {"absent", "ours", "theirs"}
    finally:
        await runtime.close()
