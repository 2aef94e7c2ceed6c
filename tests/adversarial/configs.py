"""Generated configs whose rules keep restricted data from vendors, and what is true of each: the oracle's side."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

CLASSES = (
    ("public", "internal", "confidential", "restricted"),
    ("open", "restricted"),
    ("public", "restricted", "sealed"),
    ("low", "middle", "restricted", "high", "highest"),
)
PRINCIPALS = ("local", "nurse", "doctor", "intern")
MODELS = ("alpha", "beta", "gamma", "delta", "epsilon:8b")
ROUTES = ("assistant", "medical", "any")
VENDORS = ("openai", "anthropic", "groq")
"""Any model of these can be asked for as PROVIDER/NAME."""

# Providers that need no settings beside an address, each with the wires that it may be asked in.
_PROVIDERS: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("openai-compatible", (None,)),
    ("vllm", (None,)),
    ("ollama", (None,)),
    ("llama-server", (None,)),
    ("openai", (None, "openai-chat", "openai-responses")),
    ("anthropic", (None,)),
    ("gemini", (None,)),
    ("groq", (None,)),
    ("cohere", (None,)),
    ("mistral", (None,)),
    ("openrouter", (None, "anthropic")),
)
# Each keeps what has at least the class R from every place that is a vendor's.
_GUARDS: tuple[tuple[str, ...], ...] = (
    ("deny = 'data.class >= restricted && endpoint.hosting == \"vendor\"'",),
    ("deny = 'endpoint.hosting == \"vendor\" && data.class >= restricted'",),
    ("require = 'data.class < restricted || endpoint.hosting != \"vendor\"'",),
    ('require = \'endpoint.hosting in ["self-hosted", "embedded"] || data.class < restricted\'',),
    ("deny = '!(data.class < restricted) && !(endpoint.hosting == \"self-hosted\")'",),
    ("deny = 'data.class >= restricted ? endpoint.hosting == \"vendor\" : false'",),
    (
        "deny = 'data.class == restricted && endpoint.hosting == \"vendor\"'",
        "deny = 'data.class > restricted && endpoint.hosting == \"vendor\"'",
    ),
    (
        "deny = 'request.stream && data.class >= restricted && endpoint.hosting == \"vendor\"'",
        "deny = '!request.stream && data.class >= restricted && endpoint.hosting == \"vendor\"'",
    ),
    (
        "deny = 'time.hour < 12 && data.class >= restricted && endpoint.hosting == \"vendor\"'",
        "deny = 'time.hour >= 12 && data.class >= restricted && endpoint.hosting == \"vendor\"'",
    ),
    (
        "require = 'request.bytes >= 500 || data.class < restricted || endpoint.hosting != \"vendor\"'",
        "deny = 'request.bytes >= 500 && data.class >= restricted && endpoint.hosting == \"vendor\"'",
    ),
    ("require = 'data.class < restricted || !has(endpoint.hosting) || endpoint.hosting != \"vendor\"'",),
)
# What says nothing against a place, or more than the guard does.
_OTHERS = (
    "prefer = 'endpoint.hosting == \"vendor\"'",
    "prefer = 'model.name.startsWith(\"alpha\")'",
    "flag = 'data.class >= restricted'",
    "flag = 'request.operation == \"chat\"'",
    'redact = \'endpoint.hosting == "vendor"\'\nkinds = ["email"]',
    'deny = \'principal.name == "intern" && route.name.startsWith("medical")\'',
    "deny = 'endpoint.provider == \"groq\" && data.class >= restricted'",
)


@dataclass(frozen=True)
class Place:
    """One endpoint. `home`: the owner says that it is the team's own."""

    host: str
    provider: str
    wire: str | None
    home: bool

    def lines(self) -> list[str]:
        said = [f'provider = "{self.provider}"', f'base_url = "http://{self.host}/v1"', 'key_env = "SOME_KEY"']
        if self.wire is not None:
            said.append(f'wire = "{self.wire}"')
        if self.home:
            said.append('hosting = "self-hosted"')
        return said


@dataclass(frozen=True)
class House:
    """A config and what is true of it. `guarded`: its rules forbid restricted data at vendors. `rules` are lines of
    `[[rules]]`; floors are names of classes."""

    classes: tuple[str, ...]
    models: Mapping[str, tuple[Place, ...]]
    routes: Mapping[str, tuple[str, ...]]
    route_floors: Mapping[str, str]
    caller_floors: Mapping[str, str]
    default: str | None
    rules: tuple[str, ...]
    guarded: bool
    homes: frozenset[str] = field(default=frozenset())

    @property
    def restricted(self) -> int:
        return self.classes.index("restricted")

    def rank(self, name: str) -> int:
        """Of a class by name; one that there is not counts as the highest."""
        return self.classes.index(name) if name in self.classes else len(self.classes) - 1

    def floor(self, principal: str, asked: str) -> int:
        named = (self.default, self.caller_floors.get(principal), self.route_floors.get(asked))
        return max(self.rank(name) if name is not None else 0 for name in named)

    def toml(self) -> str:
        lines = ["[data]", f"classes = {list(self.classes)}".replace("'", '"')]
        if self.default is not None:
            lines.append(f'default = "{self.default}"')
        for name, places in self.models.items():
            if len(places) == 1:
                lines += [f'[models."{name}"]', 'name = "there"', *places[0].lines()]
                continue
            lines += [f'[models."{name}"]', 'name = "there"']
            for place in places:
                lines += [f'[[models."{name}".endpoints]]', *place.lines()]
        for name, models in self.routes.items():
            lines += [f"[routes.{name}]", f"models = {list(models)}".replace("'", '"')]
            if name in self.route_floors:
                lines.append(f'class = "{self.route_floors[name]}"')
        for name, floor in self.caller_floors.items():
            lines += [f"[principals.{name}]", f'class = "{floor}"']
        for rule in self.rules:
            lines += ["[[rules]]", rule, 'because = "of the owner"']
        return "\n".join(lines) + "\n"


def generated(rng: Random) -> House:
    """Any house."""
    classes = rng.choice(CLASSES)
    hosts = iter(range(100))

    def place() -> Place:
        provider, wires = rng.choice(_PROVIDERS)
        return Place(f"p{next(hosts)}.test", provider, rng.choice(wires), rng.random() < 0.45)

    names = rng.sample(MODELS, rng.randint(2, 5))
    models = {name: tuple(place() for _ in range(rng.choice((1, 1, 2, 3)))) for name in names}
    if rng.random() < 0.3:
        # The same provider at home and away, in one model: only the number in the endpoints' ids tells them apart.
        provider, wires = rng.choice(_PROVIDERS)
        away_first = rng.random() < 0.5
        models[names[0]] = tuple(
            Place(f"p{next(hosts)}.test", provider, wires[0], home) for home in (not away_first, away_first)
        )
    routes = {
        name: tuple(rng.sample(names, rng.randint(1, len(names)))) for name in rng.sample(ROUTES, rng.randint(1, 3))
    }
    house = House(
        classes=classes,
        models=models,
        routes=routes,
        route_floors={name: rng.choice(classes) for name in routes if rng.random() < 0.4},
        caller_floors={name: rng.choice(classes) for name in PRINCIPALS if rng.random() < 0.3},
        default=rng.choice(classes[:-1]) if rng.random() < 0.1 else None,
        rules=_rules(rng),
        guarded=True,
    )
    return _with_homes(house)


def changed(rng: Random, house: House) -> House:
    """The same names after the owner has edited the file: places move, rules come and go."""
    models = {
        name: tuple(replace(place, home=place.home != (rng.random() < 0.4)) for place in places)
        for name, places in house.models.items()
    }
    guarded = rng.random() < 0.8
    rules = _rules(rng) if guarded else tuple(rng.sample(_OTHERS[:4], rng.choice((0, 0, 1))))
    classes = rng.choice(CLASSES) if rng.random() < 0.1 else house.classes
    return _with_homes(
        replace(
            house,
            classes=classes,
            models=models,
            rules=rules,
            guarded=guarded,
            route_floors={name: rng.choice(classes) for name in house.routes if rng.random() < 0.4},
            caller_floors={name: rng.choice(classes) for name in PRINCIPALS if rng.random() < 0.3},
            default=None,
        )
    )


def _rules(rng: Random) -> tuple[str, ...]:
    rules = [*rng.choice(_GUARDS), *rng.sample(_OTHERS, rng.choice((0, 0, 1, 2)))]
    rng.shuffle(rules)
    return tuple(rules)


def unguarded(house: House) -> House:
    """The house without the rules that matter, though it is still said to have them: the harness must see that."""
    return replace(house, rules=tuple(rule for rule in house.rules if rule in _OTHERS[:4])) if house.guarded else house


def _with_homes(house: House) -> House:
    places = [place for places in house.models.values() for place in places]
    return replace(house, homes=frozenset(place.host for place in places if place.home))
