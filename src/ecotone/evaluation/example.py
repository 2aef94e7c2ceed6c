"""A small suite to start from: what `ecotone eval new` writes."""

from pathlib import Path

from ecotone.values.errors import SetupError

_SUITE = """\
# What this suite measures, and how replies are scored.
title = "My own ten prompts"
category = "general"
max_tokens = 48
system = "Answer in as few words as you can."

[scorer]
# Right if the reply contains the reference. Others: exact, normalised, numeric, choice, label, regex, json, ...
kind = "contains"
mode = "any"
"""

_CASES = """\
prompt,reference,tags
What is the capital of France?,Paris,geography
How many days are there in a week?,7|seven,numbers
What colour do you get when you mix blue and yellow paint?,green,everyday
Which planet is closest to the Sun?,Mercury,science
"Which is heavier: a kilogram of feathers, or two kilograms of iron?",iron|two kilograms,reasoning
"What is the opposite of ""cold""?",hot|warm,words
Which metal has the chemical symbol Fe?,iron,science
What is 12 plus 30?,42|forty-two,numbers
Who wrote the play Romeo and Juliet?,Shakespeare,culture
Which language is spoken in Brazil?,Portuguese,geography
"""


def write_example(folder: Path) -> None:
    """Write `suite.toml` and `cases.csv` with ten prompts into `folder`, which is made if it is not there.

    Raises SetupError if either file is there already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("suite.toml", _SUITE), ("cases.csv", _CASES)):
            with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except FileExistsError as error:
        raise SetupError(f"{error.filename} is there already: name another folder, or change that one") from None
    except OSError as error:
        raise SetupError(f"cannot write {error.filename}: {error.strerror}") from None
