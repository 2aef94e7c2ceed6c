"""Tasks of lm-evaluation-harness and Inspect, run against the gateway by those programs themselves.

They stay programs of their own, with their own environments: here is how they are called, what they may see, and what
their result files say. Formats and options were read in lm-eval 0.4.13 and inspect-ai 0.3.285.
"""

import glob
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from ecotone.evaluation.answers import Identity
from ecotone.evaluation.runs import Machine
from ecotone.evaluation.statistics import CONFIDENCE, Interval, mean_interval
from ecotone.values.errors import SetupError

ProgramName = Literal["lm-eval", "inspect"]
Basis = Literal["cases", "stderr"]
_T = TypeVar("_T")

_FILE_BYTES_MAX = 1 << 30
_TIMEOUT_S = 600
_RETRIES_MAX = 5
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

# --- the programs


class Program(msgspec.Struct, frozen=True):
    """A harness: what it is called, the commands it may be installed as, how to get it, and what else may be wrong."""

    name: ProgramName
    commands: tuple[str, ...]
    install: str
    hint: str


LM_EVAL = Program(
    "lm-eval",
    ("lm_eval", "lm-eval"),
    "uv tool install 'lm-eval[api]'",
    "Tasks that compare the likelihoods of given answers (loglikelihood, multiple_choice) cannot be asked over a chat"
    " API; choose one whose output_type is generate_until",
)
INSPECT = Program(
    "inspect",
    ("inspect",),
    "uv tool install inspect-ai --with openai",
    "`inspect list tasks` shows which tasks there are",
)


def find_program(program: Program, search: str) -> str:
    """The path of its command in one of the folders of `search`, which is written as PATH is. Raises SetupError."""
    for command in program.commands:
        found = shutil.which(command, path=search)
        if found is not None:
            return found
    raise SetupError(
        f"there is no {program.commands[0]} on the PATH; get it with: {program.install} (or install it into an"
        " environment of its own and put that one's bin folder on the PATH)"
    )


# --- calling them


class Asked(msgspec.Struct, frozen=True):
    """What a harness is to do. `limit` is the most cases of each task, None for all; `extra` are options in the
    program's own words."""

    tasks: tuple[str, ...]
    route: str
    limit: int | None = None
    concurrency: int = 4
    extra: tuple[str, ...] = ()


class Call(msgspec.Struct, frozen=True):
    """A program's command line, and the folder it is started in."""

    command: tuple[str, ...]
    folder: Path


def call_of(program: Program, asked: Asked, executable: str, url: str, raw: Path, here: Path) -> Call:
    """How to have the program ask the gateway at `url` and leave its files in `raw`.

    Nothing of it is read by a shell. Ecotone's options come last, so that none in `extra` takes the results elsewhere.
    Raises SetupError for a name that the program would understand otherwise.
    """
    if program is LM_EVAL:
        return Call(tuple(_lm_eval_command(asked, executable, url, raw)), here)
    # Inspect reads a `.env` in the folder it starts in or above; in this one there is an empty one.
    return Call(tuple(_inspect_command(asked, executable, raw, here)), raw)


def _lm_eval_command(asked: Asked, executable: str, url: str, raw: Path) -> list[str]:
    model = {
        "model": asked.route,
        "base_url": f"{url}/v1/chat/completions",
        "num_concurrent": asked.concurrency,
        "max_retries": _RETRIES_MAX,
        "timeout": _TIMEOUT_S,
    }
    command = [executable, *asked.extra, "--model=local-chat-completions"]
    command += [f"--model_args={json.dumps(model)}", f"--tasks={','.join(asked.tasks)}", "--apply_chat_template"]
    command += ["--log_samples", f"--output_path={raw / 'results.json'}"]
    return [*command, *([] if asked.limit is None else [f"--limit={asked.limit}"])]


def _inspect_command(asked: Asked, executable: str, raw: Path, here: Path) -> list[str]:
    if "," in asked.route:
        raise SetupError(
            f"Inspect reads the comma in {asked.route!r} as the end of a name; give it a route without one"
        )
    command = [executable, "eval", *asked.extra, f"--model=openai-api/ecotone/{asked.route}", f"--log-dir={raw}"]
    command += ["--log-format=json", "--display=plain", f"--max-connections={asked.concurrency}"]
    command += [f"--max-retries={_RETRIES_MAX}", f"--timeout={_TIMEOUT_S}"]
    command += [] if asked.limit is None else [f"--limit={asked.limit}"]
    return [*command, "--", *(_inspect_task(task, here, raw) for task in asked.tasks)]


def _inspect_task(task: str, here: Path, folder: Path) -> str:
    """A file or folder as Inspect finds it from `folder`, any other name as it is.

    With @ and the name of a task in it a file is a path, without it a pattern, which may not begin at the root.
    """
    if (here / task).exists():
        return glob.escape(os.path.relpath((here / task).resolve(), folder.resolve()))
    file, mark, name = task.rpartition("@")
    return f"{here / file}{mark}{name}" if mark and file and (here / file).exists() else task


# All that the programs get to see of the environment: where things are and how to reach them, no keys.
_PLACES = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TMP", "TEMP", "LD_LIBRARY_PATH", "NLTK_DATA")
_TERMINAL = ("LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "NO_COLOR")
_NETWORK = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HF_ENDPOINT")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CACHES = ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
_DOCKER = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
_BEGINNINGS = ("LC_", "XDG_")
_SEEN = frozenset((*_PLACES, *_TERMINAL, *_NETWORK, *_PROXIES, *map(str.lower, _PROXIES), *_CACHES, *_DOCKER))


def environment_of(variables: Mapping[str, str], url: str, key: str | None, also: Sequence[str] = ()) -> dict[str, str]:
    """What the program sees of `variables`: a short list, and those named in `also`. `key` opens the gateway.

    OpenAI's variables point to the gateway too: a task that asks a judge of its own asks there, and the gateway's key
    goes nowhere else. Raises SetupError for a variable that is asked for and not set.
    """
    missing = [name for name in also if name not in variables]
    if missing:
        raise SetupError(f"the environment variable {missing[0]} is not set; set it, or leave out --env {missing[0]}")
    seen = {
        name: value
        for name, value in variables.items()
        if name in _SEEN or name.startswith(_BEGINNINGS) or name in also
    }
    host = urlsplit(url).hostname or ""
    if host in _LOOPBACK:
        for name in ("NO_PROXY", "no_proxy"):
            seen[name] = ",".join(filter(None, (seen.get(name), host)))
    for service in ("ECOTONE", "OPENAI"):
        seen |= {f"{service}_BASE_URL": f"{url}/v1", f"{service}_API_KEY": key or "unused"}
    return seen


# --- what they found


class Measure(msgspec.Struct, frozen=True):
    """One number of a harness, on the scale of its metric; None where it is not a number.

    `part` is what it was measured on: lm-eval's filter, Inspect's scorer (and how repetitions were reduced). `interval`
    holds the true value with 95 % confidence; it rests on the scores of the `cases` where each lies in 0 to 1 and their
    mean is the value, else on the program's standard error (`stderr`), and is None where there is neither. `n` counts
    cases.
    """

    task: str
    metric: str
    part: str
    value: float | None
    interval: Interval | None
    basis: Basis | None
    n: int | None
    higher_is_better: bool | None = None


class Results(msgspec.Struct, frozen=True):
    """What a program left: its version, its measures, and in words what went wrong."""

    version: str | None = None
    measures: tuple[Measure, ...] = ()
    problems: tuple[str, ...] = ()


class HarnessRun(msgspec.Struct, frozen=True):
    """`harness.json`: what was run on whom, and what came of it. Times are UTC.

    `finished_at` and `exit_status` are None until the program has ended, and for good where it was interrupted.
    `results` says which version of the program it was.
    """

    id: str
    program: ProgramName
    command: tuple[str, ...]
    asked: Asked
    model: Identity
    started_at: datetime
    who: str
    machine: Machine
    software: dict[str, str]
    finished_at: datetime | None = None
    exit_status: int | None = None
    results: Results = Results()
    format: Literal[1] = 1

    def write(self, folder: Path) -> None:
        """Write it into the run's folder."""
        (folder / "harness.json").write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def read_results(program: Program, raw: Path) -> Results:
    """What the program's files in `raw` say; nothing where it left none. Raises SetupError for files it cannot read."""
    return read_lm_eval(raw) if program is LM_EVAL else read_inspect(raw)


def interval_of(
    value: float | None, scores: Sequence[float] | None, stderr: float | None, *, independent: bool = True
) -> tuple[Interval | None, Basis | None]:
    """Where the true value lies, from the scores of cases if they are `independent`, else from the standard error.

    A standard error of 0 says that all cases scored alike, not that nothing is uncertain: it gives no interval.
    """
    if value is None:
        return None, None
    shares = bool(scores) and all(0 <= score <= 1 for score in (value, *(scores or ())))
    if scores and shares and independent:
        mean = math.fsum(scores) / len(scores)
        if math.isclose(mean, value, rel_tol=1e-9, abs_tol=1e-9):
            return mean_interval(scores), "cases"
    if stderr is None or not math.isfinite(stderr) or stderr <= 0:
        return None, None
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * stderr
    low, high = value - reach, value + reach
    return (Interval(max(0.0, low), min(1.0, high)) if shares else Interval(low, high)), "stderr"


def _number(value: object) -> float | None:
    """A finite number, None for anything else; right and wrong count as 1 and 0."""
    if not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _read_json(file: Path, kind: type[_T]) -> _T:
    """Both programs write NaN and Infinity, which JSON does not have, so the standard library reads them."""
    try:
        if file.stat().st_size > _FILE_BYTES_MAX:
            raise SetupError(f"{file} is larger than {_FILE_BYTES_MAX >> 30} GiB; read it with the program's own tools")
        return msgspec.convert(json.loads(file.read_bytes()), kind)
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:  # not JSON, or not of this form
        raise SetupError(
            f"{file} is not in a form that Ecotone knows: {error}. The program may be newer or older than those that"
            " docs/guides/other-harnesses.md names"
        ) from None


# --- lm-eval


class _Counted(msgspec.Struct, frozen=True):
    effective: int


class _LmEvalFile(msgspec.Struct, frozen=True, rename={"n_samples": "n-samples"}):
    """`results_TIME.json`: in `results`, for each task or group, values under `METRIC,FILTER` and their standard errors
    under `METRIC_stderr,FILTER`."""

    results: dict[str, dict[str, Any]]
    n_samples: dict[str, _Counted] = {}
    higher_is_better: dict[str, dict[str, bool | None]] = {}
    group_subtasks: dict[str, tuple[str, ...]] = {}
    lm_eval_version: str | None = None


def read_lm_eval(raw: Path) -> Results:
    """The latest results in a folder where lm-eval was told to write, with the scores of cases beside them."""
    files = sorted(raw.glob("results_*.json"))
    if not files:
        return Results()
    data = _read_json(files[-1], _LmEvalFile)
    stamp = files[-1].stem.removeprefix("results_")
    samples = {task: _samples(raw / f"samples_{task}_{stamp}.jsonl") for task in data.n_samples}
    measures: list[Measure] = []
    for task, row in data.results.items():
        cases = [case for member in _members(data, task) for case in samples.get(member, ())]
        for key, value in row.items():
            metric, comma, part = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            scores = [_number(case.get(metric)) for case in cases if case.get("filter", "none") == part]
            known = [score for score in scores if score is not None]
            number, stderr = _number(value), _number(row.get(f"{metric}_stderr,{part}"))
            interval, basis = interval_of(number, known if len(known) == len(scores) else None, stderr)
            better = data.higher_is_better.get(task, {}).get(metric)
            n = _lm_eval_cases(data, task, key)
            measures.append(Measure(task, metric, "" if part == "none" else part, number, interval, basis, n, better))
    return Results(data.lm_eval_version, tuple(measures))


def _members(data: _LmEvalFile, task: str) -> list[str]:
    """The tasks with cases of their own in a group and the groups in it; of a task itself."""
    found: list[str] = []
    waiting, seen = [task], set[str]()
    while waiting:
        name = waiting.pop()
        if name in data.n_samples and name not in seen:
            found.append(name)
        if name not in seen:
            waiting += data.group_subtasks.get(name, ())
        seen.add(name)
    return found


def _lm_eval_cases(data: _LmEvalFile, task: str, key: str) -> int | None:
    """How many cases a value rests on; a group's row counts those of its tasks."""
    if task in data.n_samples:
        return data.n_samples[task].effective
    row = data.results[task]
    counts = row.get("sample_count")
    found = counts.get(key) if isinstance(counts, dict) else row.get("sample_len")
    return found if isinstance(found, int) else None


def _samples(file: Path) -> list[dict[str, Any]]:
    """A line for each case and filter, with the case's score under each metric's name."""
    if not file.is_file():
        return []
    try:
        with file.open(encoding="utf-8") as lines:
            return [msgspec.convert(json.loads(line), dict[str, Any]) for line in lines]
    except (OSError, ValueError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from None


# --- Inspect


class _Named(msgspec.Struct, frozen=True):
    name: str
    value: Any = None
    params: dict[str, Any] = {}


class _InspectScore(msgspec.Struct, frozen=True):
    """What one scorer, or one of its values, came to. `reducer` says how repetitions of a case became one score."""

    name: str
    scorer: str
    metrics: dict[str, _Named]
    reducer: str | None = None
    scored_samples: int | None = None


class _InspectResults(msgspec.Struct, frozen=True):
    total_samples: int
    completed_samples: int
    scores: tuple[_InspectScore, ...] = ()


class _Reduced(msgspec.Struct, frozen=True):
    """The score of one case: a number, one of Inspect's letters, or several values by name."""

    value: Any
    sample_id: int | str | None = None


class _Reduction(msgspec.Struct, frozen=True):
    scorer: str
    samples: tuple[_Reduced, ...]
    reducer: str | None = None


class _InspectEval(msgspec.Struct, frozen=True):
    task: str
    packages: dict[str, str] = {}


class _InspectError(msgspec.Struct, frozen=True):
    message: str


class _InspectLog(msgspec.Struct, frozen=True):
    """A log in Inspect's JSON format: one task of one model."""

    status: str
    eval: _InspectEval
    results: _InspectResults | None = None
    reductions: tuple[_Reduction, ...] | None = None
    error: _InspectError | None = None


# Correct, partly, incorrect, no answer: inspect_ai.scorer.value_to_float.
_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_MEANS = ("accuracy", "mean")


def read_inspect(raw: Path) -> Results:
    """Every log in a folder where Inspect was told to write."""
    version: str | None = None
    measures: list[Measure] = []
    problems: list[str] = []
    for file in sorted(raw.glob("*.json")):
        log = _read_json(file, _InspectLog)
        task = log.eval.task
        version = log.eval.packages.get("inspect_ai", version)
        if log.status != "success":
            why = log.error.message.strip().splitlines()[:1] if log.error is not None else []
            problems.append(": ".join((f"{task} ended with status {log.status!r}", *why)))
        if log.results is None:
            continue
        done, of = log.results.completed_samples, log.results.total_samples
        if done < of:
            problems.append(f"{task}: {done:,} of {of:,} cases were completed; the others count in no number")
        for score in log.results.scores:
            measures += _inspect_measures(task, score, log.reductions or (), done)
    return Results(version, tuple(measures), tuple(problems))


def _inspect_measures(
    task: str, score: _InspectScore, reductions: Sequence[_Reduction], completed: int
) -> list[Measure]:
    fitting = (row for row in reductions if (row.scorer, row.reducer) == (score.scorer, score.reducer))
    reduced = next(fitting, None)
    cases = () if reduced is None else reduced.samples
    scores = [value for case in cases if (value := _score_of(case.value, score.name)) is not None]
    # Without a reducer a case that was repeated stands there several times, and says no more than once.
    repeated = len({case.sample_id for case in cases}) < len(cases)
    error = score.metrics.get("stderr") or score.metrics.get("bootstrap_stderr")
    clustered = error is not None and error.params.get("cluster") is not None
    stderr = None if error is None else _number(error.value)
    part = "/".join(filter(None, (score.scorer, score.name if score.name != score.scorer else "", score.reducer)))
    n = completed if score.scored_samples is None else score.scored_samples
    measures = []
    for key, metric in score.metrics.items():
        if metric is error:
            continue
        value = _number(metric.value)
        interval, basis = None, None
        if metric.name in _MEANS and not repeated:
            interval, basis = interval_of(value, scores, stderr, independent=not clustered)
        measures.append(Measure(task, key, part, value, interval, basis, n))
    return measures


def _score_of(value: object, name: str) -> float | None:
    if isinstance(value, dict):
        value = value.get(name)
    return _LETTERS.get(value) if isinstance(value, str) else _number(value)


def search_path(path: str, executable: str) -> str:
    """Where programs are looked for: the PATH, then the environment that runs this."""
    return os.pathsep.join(filter(None, (path, str(Path(executable).parent))))
