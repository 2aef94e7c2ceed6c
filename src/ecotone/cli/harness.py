"""The arguments and help of `ecotone eval harness`."""

from typing import Annotated

import typer

from ecotone.cli.options import ConfigOption, JsonOption

harness_app = typer.Typer(
    help="Run tasks of other evaluation programs against a model or route, and read what they found.",
    no_args_is_help=True,
)

_Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Model or route. Left out: route assistant, else the first there is."),
]
_Limit = Annotated[int | None, typer.Option(min=1, help="The most cases of each task. Left out: all.")]
_Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Requests at a time.")]
_Env = Annotated[
    list[str] | None,
    typer.Option("--env", help="An environment variable that the program may see, HF_TOKEN say. Repeatable."),
]


@harness_app.command("lm-eval")
def lm_eval(
    task: Annotated[
        list[str], typer.Option("--task", "-t", help="A task's name or its YAML file. Repeatable.", show_default=False)
    ],
    model: _Model = None,
    limit: _Limit = None,
    concurrency: _Concurrency = 4,
    env: _Env = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    options: Annotated[
        list[str] | None,
        typer.Argument(help="After `--`: options for lm_eval itself, --num_fewshot=5 say.", show_default=False),
    ] = None,
) -> None:
    """Run tasks of lm-evaluation-harness. They run in lm_eval, a program of its own, with your rights.

    Where that is not on the PATH, this says how to get it.
    """
    from ecotone.cli.harness_run import run
    from ecotone.evaluation.harness import LM_EVAL, Asked

    asked = Asked(tuple(task), model or "", limit, concurrency, tuple(options or ()))
    run(LM_EVAL, asked, also=env or (), config_file=config, as_json=json)


@harness_app.command("inspect")
def inspect(
    task: Annotated[
        str,
        typer.Argument(help="A file with tasks (FILE.py, or FILE.py@TASK), or a task's name.", show_default=False),
    ],
    model: _Model = None,
    limit: _Limit = None,
    concurrency: _Concurrency = 4,
    env: _Env = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    options: Annotated[
        list[str] | None,
        typer.Argument(help="After `--`: options for `inspect eval` itself, -T shots=5 say.", show_default=False),
    ] = None,
) -> None:
    """Run tasks of Inspect. They run in inspect, a program of its own, with your rights.

    Where that is not on the PATH, this says how to get it.
    """
    from ecotone.cli.harness_run import run
    from ecotone.evaluation.harness import INSPECT, Asked

    asked = Asked((task,), model or "", limit, concurrency, tuple(options or ()))
    run(INSPECT, asked, also=env or (), config_file=config, as_json=json)
