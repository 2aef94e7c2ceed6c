"""From a config to its rules, and to what those may know of every place in it."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from ecotone.catalog.joining import joined
from ecotone.catalog.provider import Provider
from ecotone.gateway.settings.config import Config, EndpointConfig, ModelConfig, parse_config
from ecotone.gateway.settings.places import place_settings
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.settings.toml_file import TomlFile, read_text, suggestion
from ecotone.policy.detectors.detectors import Detectors
from ecotone.policy.guard.words import WordLists
from ecotone.policy.places import Place, place_facts
from ecotone.policy.policy import Policy
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.rule_tests import check_rule_tests
from ecotone.policy.schema import Names

_EMBEDDED = "llama.cpp"
_NO_ENVIRONMENT: Mapping[str, str] = {}


def read_config(file: Path, today: date) -> Config:
    """Read and check a config, its rules and their tests included. Raises ConfigError with the line."""
    text = read_text(file, "put it there, or start without it")
    config = parse_config(text, file)
    try:
        check_rules(config, today)
    except PolicyProblem as problem:
        raise TomlFile(text, file).error(problem.path, problem.message) from None
    return config


def check_rules(config: Config, today: date) -> None:
    """Raises PolicyProblem for rules that make no sense, and for the first of their tests that fails."""
    detectors = Detectors(config.data)
    policy = compile_policy(config, detectors)
    WordLists(config.guard.words)
    if not 0 < config.guard.threshold <= 1:
        raise PolicyProblem(("guard", "threshold"), "the threshold is above 0 and at most 1, as scores are")
    if config.data.remember_h < 1:
        raise PolicyProblem(("data", "remember_h"), "remember_h must be at least 1")
    for name, guard in config.guard.models.items():
        if guard.model not in config.models:
            hint = suggestion(guard.model, sorted(config.models))
            raise PolicyProblem(("guard", "models", name, "model"), f"there is no model {guard.model!r}{hint}")
    if config.rule_tests:
        check_rule_tests(config.rule_tests, policy, all_places(config, today), detectors)


def compile_policy(config: Config, detectors: Detectors, *, any_model: bool = False) -> Policy:
    """The rules of a config. With `any_model` models that are not in it can be asked for, and names are not checked.
    Raises PolicyProblem."""
    return Policy.compile(
        data=config.data,
        guard=config.guard,
        principals=config.principals,
        routes={name: route.data_class for name, route in config.routes.items()},
        rules=config.rules or (),
        kinds=detectors.kinds,
        names=None if any_model else _names(config),
    )


def _names(config: Config) -> Names:
    models = tuple(config.models)
    return Names(
        asked=(*config.routes, *models),
        models=models,
        endpoints=tuple(one for name, model in config.models.items() for one in endpoint_ids(name, model)),
        # Not only those of this config: a rule may speak of a vendor before there is a model of it.
        providers=(_EMBEDDED, *installed().providers),
    )


def endpoint_ids(name: str, model: ModelConfig) -> tuple[str, ...]:
    """The ids of a model's endpoints, in their order: places of the same provider are told apart by their number."""
    if model.engine is not None:
        return (f"{name}@embedded",)
    found: list[str] = []
    for place in model.endpoints or (model,):
        first = f"{name}@{place.provider}"
        same = sum(identity.partition("#")[0] == first for identity in found)
        found.append(f"{first}#{same + 1}" if same else first)
    return tuple(found)


def model_places(
    name: str, config: Config, today: date, environment: Mapping[str, str] = _NO_ENVIRONMENT
) -> Iterator[Place]:
    """What rules may know of each endpoint of a model of this config."""
    model = config.models[name]
    ids = endpoint_ids(name, model)
    if model.engine is not None:
        yield place_facts(
            model=name,
            endpoint=ids[0],
            provider=model.engine,
            hosting="embedded",
            organisation=config.organisation,
            today=today,
            facts=joined(name, catalog=model.catalog, source=model.source).facts(),
            weights="open",
        )
        return
    for identity, place in zip(ids, model.endpoints or (model,), strict=True):
        provider = installed().providers[place.provider or ""]
        settings = place_settings(place, environment)
        there = place.name or model.name or name
        catalog = place.catalog or model.catalog
        yield place_facts(
            model=name,
            endpoint=identity,
            provider=provider.name,
            hosting=place.hosting or "vendor",
            organisation=config.organisation,
            today=today,
            facts=joined(name, catalog=catalog, provider=provider.name, name_there=there).facts(),
            weights=provider.weights,
            name=there,
            region=settings.get("region") or settings.get("location"),
            own_address=_own_address(provider, place),
        )


def open_ended_place(provider: Provider, name: str, config: Config, today: date) -> Place:
    """What rules may know of a model that nobody configured, asked for as PROVIDER/NAME."""
    full = f"{provider.name}/{name}"
    return place_facts(
        model=full,
        endpoint=f"{full}@{provider.name}",
        provider=provider.name,
        hosting="vendor",
        organisation=config.organisation,
        today=today,
        facts=joined(full, catalog=None, provider=provider.name, name_there=name).facts(),
        weights=provider.weights,
        name=name,
    )


def all_places(
    config: Config, today: date, environment: Mapping[str, str] = _NO_ENVIRONMENT
) -> dict[str, tuple[Place, ...]]:
    """The places behind every model and route of a config."""
    found = {name: tuple(model_places(name, config, today, environment)) for name in config.models}
    routes = {
        name: tuple(place for model in route.models for place in found[model]) for name, route in config.routes.items()
    }
    return found | routes


def _own_address(provider: Provider, place: EndpointConfig) -> bool:
    """Whether requests go to the provider's own address, where its terms hold."""
    return provider.usual_port is None and place.base_url in (None, provider.base_url)
