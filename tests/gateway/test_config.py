"""What ecotone.toml may say, and what is said about one that cannot be honoured."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ecotone.gateway.rules.rulebook import read_config
from ecotone.gateway.settings.config import Config, parse_config
from ecotone.gateway.settings.toml_lines import key_lines, line_of
from ecotone.values.errors import ConfigError

FILE = Path("/etc/ecotone/ecotone.toml")

FULL = """
[server]
port = 8080
allowed_hosts = ["ai.example.com"]

[engine]
memory_mb = 4096

[models.local]
engine = "llama.cpp"
source = "file:models/a.gguf"
context = 4096

[models.frontier]
provider = "openai"
name = "gpt-5.5"

[models.llama]
name = "llama-3.3-70b"
[[models.llama.endpoints]]
provider = "vllm"
base_url = "http://gpu1:8000/v1"
hosting = "self-hosted"
[[models.llama.endpoints]]
provider = "groq"

[routes.assistant]
models = ["frontier", "llama", "local"]
"""


def test_a_full_config() -> None:
    config = parse_config(FULL, FILE)
    assert config.server.port == 8080
    assert config.server.host == "127.0.0.1"
    assert config.models["llama"].endpoints[0].hosting == "self-hosted"
    assert config.models["llama"].endpoints[1].provider == "groq"
    assert config.routes["assistant"].models == ("frontier", "llama", "local")


def test_what_an_organisation_says_and_ids_of_the_catalog() -> None:
    text = """
[organisation]
commercial = true
monthly_users = 200_000_000
territories = ["EU", "US"]
sector = "banking"
obligations = ["gdpr"]

[models.llama]
catalog = "meta/llama-3.3-70b-instruct"
[[models.llama.endpoints]]
provider = "groq"
"""
    config = parse_config(text, FILE)
    organisation = config.organisation
    assert (organisation.commercial, organisation.monthly_users) == (True, 200_000_000)
    assert (organisation.revenue, organisation.territories) == (None, ("EU", "US"))
    assert config.models["llama"].catalog == "meta/llama-3.3-70b-instruct"


def test_nothing_is_a_config() -> None:
    assert parse_config("", FILE) == Config()


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[organisation]\nusers = 1\n", 2, "unknown key 'users' in [organisation] (known: commercial, monthly_users,"),
        ("[organisation]\nrevenue = -1\n", 2, "revenue must not be below 0"),
        ('[organisation]\nterritories = ["Germany"]\n', 2, "'Germany' is not a territory; write ISO 3166 codes"),
        (
            '[models.x]\nengine = "llama.cpp"\nsource = "file:a"\ncatalog = "Llama 3"\n',
            4,
            "'Llama 3' is no id of the catalog; they are MAKER/MODEL in lower case",
        ),
        ("[server]\nprot = 1\n", 2, "unknown key 'prot' in [server]; did you mean 'port'?"),
        ("[server]\n\nport = 'x'\n", 3, "Expected `int`, got `str` in server.port"),
        ("[server]\nport = 70000\n", 2, "not between 0 and 65535"),
        ("[sever]\nport = 1\n", 1, "unknown key 'sever'; did you mean 'server'?"),
        ("[models.a]\nprovider = 'opnai'\n", 2, "unknown provider 'opnai'; did you mean 'openai'?"),
        ("[models.a]\nprovider = 'openai'\nkay_env = 'X'\n", 3, "did you mean 'key_env'?"),
        ("[models.a]\nname = 'x'\n", 1, "does not say where it runs"),
        ("[models.a]\nprovider = 'openai'\nengine = 'llama.cpp'\n", 1, "says both engine and provider"),
        ("[models.a]\nengine = 'llama.cpp'\n", 1, "needs a source"),
        ("[models.a]\nengine = 'llama.cpp'\nsource = 'ftp://x'\n", 3, "source"),
        ("[models.a]\nengine = 'llama.cpp'\nsource='file:/x'\nsha256='ab'\n", 4, "64 hexadecimal"),
        ("[models.a]\nengine = 'llama.cpp'\nsource='file:/x'\nbase_url='http://x'\n", 4, "means nothing"),
        (
            "[models.a]\nengine = 'vllm'\n",
            2,
            "models.a.engine cannot be 'vllm'; it is a server of its own: write provider = \"vllm\"",
        ),
        ("[models.a]\nengine = 'llamacpp'\n", 2, "models.a.engine cannot be 'llamacpp'; did you mean 'llama.cpp'?"),
        (
            "[models.a]\nprovider='openai'\n[routes.r]\nmodels='a'\n",
            4,
            'Expected `array`, got `str` in routes.r.models; write a list: models = ["a"]',
        ),
        ("[models.a]\nprovider = 'openai'\nbase_url = 'http://gpu1:secret/v1'\n", 3, "must be an http://"),
        ("[models.a]\nprovider = 'openai'\nkey_env = 'sk-secret'\n", 3, "key_env must name an environment variable"),
        ("[models.a]\nprovider = 'openai'\nkey_env = 'my secret'\n", 3, "key_env must name an environment variable"),
        ("[models.a]\nprovider = 'openai'\nkey_env = 'AIzaSysecretsecretsecret'\n", 3, "key_env must name an env"),
        (
            "[models.a]\nprovider = 'openai'\n[[models.b.endpoints]]\nprovider = 'openai'\nkey_env = 'sk-secret'\n",
            5,
            "key_env must name an environment variable",
        ),
        (
            "[models.a]\nprovider = 'openai'\napi_key = 'sk-secret'\n",
            3,
            "unknown key 'api_key' in [models.a]; keys go into the gateway's environment, and key_env names",
        ),
        ("[models.a]\nprovider = 'sk-secret-key'\n", 2, "unknown provider what is there"),
        ("[models.a]\nengine = 'llama.cpp'\nsource = 'ftp://u:secret@x/a.gguf'\n", 3, "not a kind of source"),
        ("[models.a]\nengine = 'llama.cpp'\nsource = 'file://u:secret@x/a.gguf'\n", 3, "names a host"),
        ("[server]\ncors_origins = ['https://u:secret@x/']\n", 2, "not an origin"),
        ("[models.a]\nprovider = 'openai'\ncontext = 5\n", 3, "means nothing for a model with provider"),
        ("[models.a]\nprovider = 'openai-compatible'\n", 1, "needs a base_url"),
        ("[models.a]\nprovider = 'openai'\nbase_url = 'gpu1:8000'\n", 3, "must be an http:// or https:// address"),
        ("[models.a]\nprovider = 'openai'\nbase_url = 'https://u:secret@x/v1'\n", 3, "without user, password"),
        (
            "[models.a]\nprovider = 'openai'\nwire = 'anthropic'\n",
            3,
            "'anthropic' is no wire of provider 'openai', which speaks openai-",
        ),
        (
            "[models.a]\nprovider = 'azure'\n",
            1,
            "provider 'azure' needs a base_url, like https://NAME.openai.azure.com",
        ),
        ("[models.a]\nprovider = 'vertex'\nlocation = '../x'\n", 3, "no location"),
        (
            "[models.a]\nprovider = 'openai-compatible'\nbase_url = 'http://x/v1'\nwire = 'smoke'\n",
            4,
            "'smoke' is no wire of provider 'openai-compatible', which speaks openai-chat, openai-responses, anthropic",
        ),
        ("[models.a]\nprovider = 'openai'\nregion = 'eu-west-1'\n", 3, "region means nothing for provider 'openai'"),
        ("[models.a]\nprovider = 'openai'\nwhole_timeout_s = 0\n", 3, "above 0"),
        ("[models.'a b']\nprovider = 'openai'\n", 1, "not a usable name"),
        ("[models.a]\n[[models.a.endpoints]]\nprovider='openai'\n[[models.a.endpoints]]\nnam='x'\n", 5, "'name'"),
        (
            "[models.a]\n[[models.a.endpoints]]\nprovider='openai'\n[[models.a.endpoints]]\nname='x'\n",
            4,
            "needs a prov",
        ),
        ("[models.a]\nprovider='openai'\n[routes.r]\nmodels=['a', 'b']\n", 4, "unknown model 'b'"),
        ("[models.a]\nprovider='openai'\n[routes.r]\nmodels=['a', 'a']\n", 4, "twice"),
        ("[models.a]\nprovider='openai'\n[routes.r]\nmodels=[]\n", 4, "has no models"),
        ("[models.a]\nprovider='openai'\n[routes.a]\nmodels=['a']\n", 3, "already a model's name"),
        ("[models.a]\nprovider='openai'\n[routes.r]\nmodels=['a']\nstrategy='cheapest'\n", 5, "(known: ordered)"),
        ("[[quotas]]\nname = 'x'\n", 1, "unknown key 'quotas'"),
        ("[server]\ncors_origins = ['*']\n", 2, "not an origin"),
        ("[server]\nport = \n", 2, "not TOML: Invalid value"),
        ("a = 1\na = 2\n", 2, "not TOML: Cannot overwrite a value"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_its_place(text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(text, FILE)
    assert raised.value.message.startswith(f"{FILE}:{line}: "), raised.value.message
    assert reason in raised.value.message
    assert "secret" not in raised.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; put it there, or start without it"):
        read_config(tmp_path / "none.toml", date(2026, 11, 22))


def test_the_reference_is_current() -> None:
    root = Path(__file__).parents[2]
    script = root / "scripts" / "config_reference.py"
    made = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert (root / "docs" / "reference" / "config.md").read_text("utf-8") == made, (
        "run: python scripts/config_reference.py > docs/reference/config.md"
    )


def test_lines_of_keys() -> None:
    text = '# a comment with [brackets]\n[a."b.c"]\nx = 1  # y = 2\n\n'
    text += "[[list]]\nk = 1\n[[list]]\nk = 2\n[list.sub]\nz.w = 3\n"
    lines = key_lines(text)
    assert line_of(lines, ("a", "b.c", "x")) == 3
    assert line_of(lines, ("list", 0, "k")) == 6
    assert line_of(lines, ("list", 1, "k")) == 8
    assert line_of(lines, ("list", 1, "sub", "z", "w")) == 10
    assert line_of(lines, ("a", "b.c", "unknown", "deeper")) == 2
    assert line_of(lines, ("nowhere",)) is None


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[guard.words]\nvoilence = ['x']\n", 2, "not a category"),
        ("[guard]\nthreshold = 0.0\n", 2, "above 0 and at most 1"),
        ("[data]\nremember_h = 0\n", 2, "at least 1"),
        ("[guard.models.g]\nmodel = 'w'\nform = 'llama-guard'\n", 2, "there is no model 'w'"),
        ("[[rules]]\ndeny = 'data.clas > 1'\nbecause = 'x'\n", 2, "did you mean class"),
    ],
)
def test_what_the_rules_cannot_honour_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    (tmp_path / "ecotone.toml").write_text(text)
    with pytest.raises(ConfigError, match=reason) as raised:
        read_config(tmp_path / "ecotone.toml", date(2026, 11, 22))
    assert raised.value.line == line


NAMED = """
[models.claude]
provider = "anthropic"
[models.own]
provider = "openai-compatible"
base_url = "http://gpu1:8000/v1"
[routes.press]
models = ["own"]
[[rules]]
deny = 'CONDITION'
because = "the owner says so"
"""


@pytest.mark.parametrize(
    ("condition", "meant"),
    [
        ('route.name == "pres"', "press"),
        ('model.name != "clod"', "claude"),
        ('route.name in ["press", "clawd"]', "claude"),
        ('"oun" == model.name', "own"),
        ('endpoint.id == "claude@antropic"', "claude@anthropic"),
        ('endpoint.provider == "antropic"', "anthropic"),
    ],
)
def test_a_name_that_nothing_has_is_refused(tmp_path: Path, condition: str, meant: str) -> None:
    file = tmp_path / "ecotone.toml"
    file.write_text(NAMED.replace("CONDITION", condition))
    with pytest.raises(ConfigError, match=f"never says .*did you mean {meant}") as raised:
        read_config(file, date(2026, 11, 22))
    assert raised.value.line == 10


@pytest.mark.parametrize(
    "condition",
    [
        'route.name == "press" || route.name == "own" || model.name == "claude"',
        'endpoint.id == "own@openai-compatible" || endpoint.provider in ["groq", "llama.cpp"]',
        'route.name.startsWith("team-") || endpoint.name == "whatever" || principal.name == "nobody yet"',
    ],
)
def test_names_that_there_are_and_those_that_may_come(tmp_path: Path, condition: str) -> None:
    file = tmp_path / "ecotone.toml"
    made_up = '[[rule_tests]]\nfacts = { "model.name" = "any" }\nexpect = "allow"\n'
    file.write_text(NAMED.replace("CONDITION", f"({condition}) && false") + made_up)
    assert len(read_config(file, date(2026, 11, 22)).rules or ()) == 1
