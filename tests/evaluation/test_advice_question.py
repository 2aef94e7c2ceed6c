"""Questions in TOML: what is read, and each mistake with its line."""

from decimal import Decimal
from pathlib import Path

import pytest

from ecotone.evaluation.advice.question import Switching, Weights, Work, problems, read_question
from ecotone.values.errors import ConfigError
from tests.evaluation.advising import question

WORK = "[work]\nrequests_per_month = 10\ninput_tokens = 100\noutput_tokens = 10\n"


def refused(folder: Path, text: str) -> str:
    file = folder / "q.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_question(file)
    assert str(file) in caught.value.message
    return caught.value.message.replace(str(file), "q.toml")


def test_the_least_question(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(WORK)
    assert read_question(tmp_path / "q.toml").work == Work(10, 100, 10)


def test_money_is_exact(tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(WORK + "[limits]\nmonthly_usd_max = 0.10\n[weights]\ncost = 0.3\n")
    asked = read_question(tmp_path / "q.toml")
    assert (asked.limits.monthly_usd_max, asked.weights.cost) == (Decimal("0.1"), Decimal("0.3"))


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ('category = "codng"', 5, "did you mean 'coding'?"),
        ('category = "zzz"', 5, "known: "),
        ("cached_input_share = 1.5", 5, "0 to 1"),
        ("context_tokens = 109", 5, "less than the average"),
        ('switching = "never"', 5, "never"),
        ('needs = ["flying"]', 5, "flying"),
        ("tokens = 3", 5, "tokens"),
        ("[limits]\nscore_min = 0.5", 6, "set suite"),
        ("[limits]\nmonthly_usd_max = -1", 6, "cannot be negative"),
        ("[limits]\nmonthly_usd_max = nan", 6, "not a number"),
        ("[limits]\nfirst_token_ms_max = -1", 6, "cannot be negative"),
        ('suite = "mine"\n[limits]\nrating_min = 1400', 7, "set score_min"),
        ('[privacy]\nregions = ["Europe"]', 6, "two letters"),
        ("[privacy]\nretention_days_max = -1", 6, "cannot be negative"),
        ("[weights]\nquality = -1", 6, "negative"),
        ("[weights]\nquality = inf", 6, "not a number"),
        ("[weights]\nquality = 0\ncost = 0\nlock_in = 0", 5, "at least one"),
        ('[[machines]]\nname = "box"\ntokens_per_s = {}', 7, "names no model"),
        ('[[machines]]\nname = "box"\nprice = 1\nrent_per_hour = 1\n[machines.tokens_per_s]\n"a/b" = 1', 5, "both"),
        ('[[machines]]\nname = "box"\nutilisation = 0\n[machines.tokens_per_s]\n"a/b" = 1', 5, "utilisation"),
        ('[[machines]]\nname = "box"\n[machines.tokens_per_s]\n"a/b" = -4', 5, "throughput"),
        (
            '[[machines]]\nname = "box"\ntokens_per_s = {"a/b" = 1}\n'
            '[[machines]]\nname = "box"\ntokens_per_s = {"a/b" = 1}',
            9,
            "two machines",
        ),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, more: str, line: int, words: str) -> None:
    message = refused(tmp_path, f"{WORK}{more}\n")
    assert words in message
    assert f"q.toml:{line}" in message or f"line {line}" in message


@pytest.mark.parametrize("name", ["requests_per_month", "input_tokens", "output_tokens"])
def test_sizes_are_at_least_one(tmp_path: Path, name: str) -> None:
    text = "\n".join(f"{name} = 0" if row.startswith(name) else row for row in WORK.splitlines())
    assert f"{name} must be at least 1" in refused(tmp_path, text)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_question(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_question(tmp_path)


def test_a_plain_question_has_no_problems() -> None:
    assert problems(question()) == {}


@pytest.mark.parametrize(("switching", "expected"), [("easy", 1), ("normal", 2), ("hard", 6)])
def test_how_hard_a_switch_is_weighs_lock_in(switching: Switching, expected: int) -> None:
    asked = question(work=Work(10, 100, 10, switching=switching), weights=Weights(lock_in=Decimal(2)))
    assert asked.counted == Weights(lock_in=Decimal(expected))
