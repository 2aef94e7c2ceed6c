"""How other evaluation programs are called, what they may see, and what their files say."""

import json
import os
import stat
from pathlib import Path

import pytest

from ecotone.evaluation.harness import (
    INSPECT,
    LM_EVAL,
    Asked,
    Program,
    call_of,
    environment_of,
    find_program,
    interval_of,
    read_inspect,
    read_lm_eval,
    read_results,
    search_path,
)
from ecotone.values.errors import SetupError

LEFT = Path(__file__).parent / "harness_results"
URL = "http://127.0.0.1:4100"
HOSTILE = 'a=1,model=b"}\n; $(touch x) --output_path=/ \u202e'


def option(command: tuple[str, ...], name: str) -> str:
    """The value of the only option of this name."""
    (found,) = [word for word in command if word.startswith(f"{name}=")]
    return found.removeprefix(f"{name}=")


# --- calling


def test_lm_eval_asks_the_chat_completions_of_the_gateway(tmp_path: Path) -> None:
    asked = Asked(("arc", "own.yaml"), "assistant", limit=3, concurrency=2, extra=("--num_fewshot=5",))
    call = call_of(LM_EVAL, asked, "/bin/lm_eval", URL, tmp_path / "raw", tmp_path)
    assert call.folder == tmp_path
    assert call.command[:2] == ("/bin/lm_eval", "--num_fewshot=5")
    assert option(call.command, "--model") == "local-chat-completions"
    told = json.loads(option(call.command, "--model_args"))
    assert told["model"] == "assistant"
    assert told["base_url"] == "http://127.0.0.1:4100/v1/chat/completions"
    assert told["num_concurrent"] == 2
    assert option(call.command, "--tasks") == "arc,own.yaml"
    assert option(call.command, "--limit") == "3"
    assert option(call.command, "--output_path") == str(tmp_path / "raw" / "results.json")
    assert {"--apply_chat_template", "--log_samples"} < set(call.command)


def test_no_name_of_a_model_becomes_another_option(tmp_path: Path) -> None:
    call = call_of(LM_EVAL, Asked(("t",), HOSTILE), "lm_eval", URL, tmp_path, tmp_path)
    assert json.loads(option(call.command, "--model_args"))["model"] == HOSTILE
    assert option(call.command, "--output_path") == str(tmp_path / "results.json")
    call = call_of(INSPECT, Asked(("-t",), "x;$(y) --log-dir=/"), "inspect", URL, tmp_path, tmp_path)
    assert option(call.command, "--model") == "openai-api/ecotone/x;$(y) --log-dir=/"
    assert call.command[-2:] == ("--", "-t")
    with pytest.raises(SetupError, match="comma"):
        call_of(INSPECT, Asked(("t",), "a,b"), "inspect", URL, tmp_path, tmp_path)


def test_no_option_of_the_users_comes_after_ecotones(tmp_path: Path) -> None:
    for program, extra in ((LM_EVAL, "--output_path=/elsewhere"), (INSPECT, "--log-dir=/elsewhere")):
        call = call_of(program, Asked(("t",), "m", extra=(extra,)), "program", URL, tmp_path, tmp_path)
        places = [number for number, word in enumerate(call.command) if word.startswith(extra.partition("=")[0])]
        assert call.command[places[0]] == extra
        assert str(tmp_path) in call.command[places[1]]


def test_inspect_starts_where_no_dotenv_is_and_still_finds_files(tmp_path: Path) -> None:
    raw, here = tmp_path / "kept" / "raw", tmp_path / "work"
    raw.mkdir(parents=True)
    here.mkdir()
    for name in ("a.py", "b@c.py", "odd[1].py"):
        (here / name).touch()
    tasks = ("a.py", "a.py@one", "b@c.py", "odd[1].py", "inspect_evals/gsm8k", "none.py@two")
    call = call_of(INSPECT, Asked(tasks, "openrouter/meta/x:free"), "/bin/inspect", URL, raw, here)
    assert call.folder == raw
    assert option(call.command, "--model") == "openai-api/ecotone/openrouter/meta/x:free"
    assert call.command[call.command.index("--") + 1 :] == (
        "../../work/a.py",
        f"{here}/a.py@one",
        "../../work/b@c.py",
        "../../work/odd[[]1].py",
        "inspect_evals/gsm8k",
        "none.py@two",
    )
    assert [path.resolve() for path in raw.glob("../../work/odd[[]1].py")] == [here / "odd[1].py"]
    assert not [word for word in call.command if word.startswith("--limit")]


def test_programs_see_no_key_but_the_gateways() -> None:
    variables = {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "OPENAI_API_KEY": "sk-vendor",
        "ANTHROPIC_API_KEY": "sk-other",
        "HF_TOKEN": "hf",
        "ECOTONE_KEY": "eco_1",
        "INSPECT_EVAL_MODEL": "openai/gpt-4o",
        "MY_SECRET": "s",
    }
    assert environment_of(variables, URL, "eco_1") == {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "OPENAI_BASE_URL": "http://127.0.0.1:4100/v1",
        "OPENAI_API_KEY": "eco_1",
        "ECOTONE_BASE_URL": "http://127.0.0.1:4100/v1",
        "ECOTONE_API_KEY": "eco_1",
    }
    assert environment_of(variables, URL, None, ["HF_TOKEN"])["HF_TOKEN"] == "hf"
    assert environment_of(variables, URL, None, ["OPENAI_API_KEY"])["OPENAI_API_KEY"] == "unused"
    with pytest.raises(SetupError, match="NOT_THERE is not set"):
        environment_of(variables, URL, None, ["NOT_THERE"])


def test_a_proxy_is_used_for_a_gateway_elsewhere_alone() -> None:
    variables = {"https_proxy": "http://proxy:3128", "no_proxy": "intern"}
    assert environment_of(variables, URL, None)["no_proxy"] == "intern,127.0.0.1"
    assert environment_of(variables, "https://gate.example", None)["no_proxy"] == "intern"


def test_a_program_is_found_by_any_of_its_names_or_said_how_to_get(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    search = os.pathsep.join((str(first), str(second)))
    for program, how in (
        (LM_EVAL, r"uv tool install 'lm-eval\[api\]'"),
        (INSPECT, "uv tool install inspect-ai --with"),
    ):
        with pytest.raises(SetupError, match=how):
            find_program(program, search)
    (second / "lm-eval").touch()
    with pytest.raises(SetupError):  # it is there, but cannot be run
        find_program(LM_EVAL, search)
    (second / "lm-eval").chmod(stat.S_IRWXU)
    assert find_program(LM_EVAL, search) == str(second / "lm-eval")


def test_the_environment_that_runs_is_searched_last() -> None:
    assert search_path("/a:/b", "/env/bin/python") == os.pathsep.join(("/a:/b", "/env/bin"))
    assert search_path("", "/env/bin/python") == "/env/bin"


# --- reading


def test_lm_evals_results_with_intervals_from_the_cases() -> None:
    results = read_lm_eval(LEFT / "lm_eval")
    assert (results.version, results.problems) == ("0.4.13", ())
    rows = {(row.task, row.metric, row.part): row for row in results.measures}
    assert len(rows) == len(results.measures) == 9
    right = rows["ecotone_capitals", "exact_match", "word"]
    assert (right.n, right.basis, right.higher_is_better) == (3, "cases", True)
    assert right.value == pytest.approx(2 / 3)
    # Wilson by hand, z = 1.959964: 2 of 3.
    assert right.interval is not None
    assert (right.interval.low, right.interval.high) == pytest.approx((0.20766, 0.93851), abs=1e-5)
    # None of 2: from 0 to z^2 / (2 + z^2).
    none = rows["ecotone_sums", "exact_match", "whole"].interval
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0, 0.65762), abs=1e-5)


def test_a_groups_interval_comes_from_the_cases_of_its_tasks() -> None:
    rows = {row.task: row for row in read_lm_eval(LEFT / "lm_eval").measures if row.metric == "exact_match"}
    group = rows["ecotone_small"]
    assert (group.value, group.n, group.basis) == (0.4, 5, "cases")
    assert group.interval is not None
    assert (group.interval.low, group.interval.high) == pytest.approx((0.11762, 0.76928), abs=1e-5)  # 2 of 5


def test_what_is_no_share_has_the_interval_of_its_standard_error() -> None:
    rows = {(row.task, row.part): row for row in read_lm_eval(LEFT / "lm_eval").measures if row.metric == "bleu"}
    whole = rows["ecotone_capitals", "whole"]
    assert whole.basis == "stderr"
    assert whole.interval is not None
    # 2.982004 with a standard error of 0.505875: 0.991497 to each side.
    assert (whole.interval.low, whole.interval.high) == pytest.approx((1.990507, 3.973502), abs=2e-6)
    assert rows["ecotone_capitals", "word"].interval is None, "a standard error of 0 is no certainty"


def test_without_the_cases_the_standard_error_is_left(tmp_path: Path) -> None:
    (file,) = (LEFT / "lm_eval").glob("results_*.json")
    (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = {(row.task, row.metric, row.part): row for row in read_lm_eval(tmp_path).measures}
    assert rows["ecotone_capitals", "exact_match", "word"].basis == "stderr"


def test_a_value_that_is_no_number_stays_unknown(tmp_path: Path) -> None:
    data = {"results": {"t": {"alias": "t", "ppl,none": float("nan"), "ppl_stderr,none": "N/A", "acc,none": "N/A"}}}
    (tmp_path / "results_1.json").write_text(json.dumps(data | {"n-samples": {"t": {"effective": 7, "original": 9}}}))
    (row,) = read_lm_eval(tmp_path).measures
    assert (row.metric, row.part, row.value, row.interval, row.n) == ("ppl", "", None, None, 7)


def test_inspects_values_and_a_standard_error_that_knows_of_clusters() -> None:
    results = read_inspect(LEFT / "inspect")
    assert (results.version, results.problems) == ("0.3.285", ())
    rows = {(row.task, row.metric, row.part): row for row in results.measures}
    right = rows["graded", "accuracy", "two_values/right"]
    assert right.value == pytest.approx(2 / 3)
    assert (right.n, right.basis) == (3, "stderr"), "cases of one source are not independent"
    assert right.interval is not None
    assert (right.interval.low, right.interval.high) == (0, 1)  # 2/3 and 0.871 to each side, cut to what a share can be
    words = rows["graded", "mean", "two_values/words"]
    assert words.value == pytest.approx(20 / 3)
    assert words.interval is None, "no standard error was asked for"
    assert rows["graded", "std", "two_values/words"].interval is None


def test_repeated_cases_count_once_each() -> None:
    rows = {row.part: row for row in read_inspect(LEFT / "inspect").measures if row.task == "repeated"}
    assert set(rows) == {"match/mean", "match/max"}  # numbers in one, letters in the other
    for row in rows.values():
        assert (row.n, row.basis) == (3, "cases")
        assert row.interval is not None
        assert (row.interval.low, row.interval.high) == pytest.approx((0.20766, 0.93851), abs=1e-5)


def an_inspect_log(values: list[tuple[int, object]], **results: object) -> str:
    scores = {
        "name": "match",
        "scorer": "match",
        "metrics": {"accuracy": {"name": "accuracy", "value": 0.5}, "stderr": {"name": "stderr", "value": 0.1}},
    }
    reduced = [{"sample_id": case, "value": value} for case, value in values]
    log = {
        "status": "success",
        "eval": {"task": "t", "packages": {}},
        "results": {"total_samples": len(values), "completed_samples": len(values), "scores": [scores], **results},
        "reductions": [{"scorer": "match", "samples": reduced}],
    }
    return json.dumps(log)


def test_a_case_that_stands_there_twice_gives_no_interval(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(an_inspect_log([(1, "C"), (1, "I")]))
    (row,) = read_inspect(tmp_path).measures
    assert (row.value, row.interval, row.basis) == (0.5, None, None)
    (tmp_path / "log.json").write_text(an_inspect_log([(1, "C"), (2, "I")]))
    (row,) = read_inspect(tmp_path).measures
    assert row.basis == "cases"


def test_cases_that_were_left_out_are_told(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(an_inspect_log([(1, "C"), (2, "I")], total_samples=5))
    assert read_inspect(tmp_path).problems == ("t: 2 of 5 cases were completed; the others count in no number",)


def test_a_task_that_failed_is_a_problem_in_its_own_words() -> None:
    results = read_inspect(LEFT / "inspect_failed")
    assert results.measures == ()
    (problem,) = results.problems
    assert problem.startswith("capitals ended with status 'error': Error code: 404")


@pytest.mark.parametrize("program", [LM_EVAL, INSPECT], ids=lambda program: program.name)
def test_what_cannot_be_read_says_which_file(program: Program, tmp_path: Path) -> None:
    assert read_results(program, tmp_path).measures == ()
    for text in ("{", "[]", '{"results": 3}'):
        (tmp_path / "results_1.json").write_text(text)
        with pytest.raises(SetupError, match=r"results_1\.json is not in a form that Ecotone knows"):
            read_results(program, tmp_path)


def test_scores_that_do_not_make_up_the_value_are_not_used() -> None:
    interval, basis = interval_of(0.5, [1.0, 1.0, 0.0], 0.1)
    assert basis == "stderr"
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.304004, 0.695996), abs=1e-6)
    assert interval_of(0.5, [1.0, 1.0, 0.0], None) == (None, None)
    assert interval_of(None, [1.0], 0.1) == (None, None)
