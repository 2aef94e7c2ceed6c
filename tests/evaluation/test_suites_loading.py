"""Suites on disk: what is understood, and what is refused with file, line and fix."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.evaluation.cases import Case, Suite
from ecotone.evaluation.example import write_example
from ecotone.evaluation.suites import find_suite, limited, load_suite
from ecotone.values.chat import Message, Role, TextPart
from ecotone.values.errors import SetupError

THREE_LINES = 'title = "Mine"\n[scorer]\nkind = "normalised"\n'
ONE_CASE = '{"prompt": "2 + 2?", "reference": "4"}\n'


def folder_of(root: Path, settings: str = THREE_LINES, **files: str) -> Path:
    """A suite folder; `jsonl` and `csv` are the texts of its cases."""
    folder = root / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "suite.toml").write_text(settings, "utf-8")
    for suffix in ("jsonl", "csv"):
        (folder / f"cases.{suffix}").unlink(missing_ok=True)
    for suffix, text in files.items():
        (folder / f"cases.{suffix}").write_text(text, "utf-8", newline="")
    return folder


def prompt(case: Case) -> str:
    (message,) = case.messages
    (part,) = message.parts
    assert isinstance(part, TextPart)
    return part.text


def refused(folder: Path) -> str:
    with pytest.raises(SetupError) as told:
        load_suite(folder)
    return told.value.message.removeprefix(f"{folder}/").removeprefix(f"{folder}: ")


# --- what is understood


def test_three_lines_and_a_table_make_a_suite(tmp_path: Path) -> None:
    suite = load_suite(
        folder_of(tmp_path, csv="prompt,reference,tags\n2 + 2?,4,sums easy\nCapital of France?,Paris,\n")
    )
    assert (suite.name, suite.title, suite.category, suite.scorer.kind) == ("mine", "Mine", "general", "normalised")
    assert (suite.max_tokens, suite.temperature, suite.system, suite.limit) == (512, 0.0, None, None)
    assert [(prompt(case), case.reference, case.tags) for case in suite.cases] == [
        ("2 + 2?", "4", ("sums", "easy")),
        ("Capital of France?", "Paris", ()),
    ]


def test_all_settings_are_read(tmp_path: Path) -> None:
    settings = """\
name = "maths-1"
title = "Sums"
category = "maths"
description = "Small sums."
licence = "CC0-1.0"
source = "our heads"
system = "Be brief."
max_tokens = 8
temperature = 0.5
limit = 1

[scorer]
kind = "numeric"
tolerance = 0.5
"""
    suite = load_suite(folder_of(tmp_path, settings, jsonl='{"prompt": "2 + 2?", "reference": 4}'))
    assert suite.name == "maths-1"
    assert (suite.licence, suite.source, suite.description) == ("CC0-1.0", "our heads", "Small sums.")
    assert (suite.system, suite.max_tokens, suite.temperature, suite.limit) == ("Be brief.", 8, 0.5, 1)
    assert suite.scorer.options == {"tolerance": 0.5}


def test_a_conversation_is_read(tmp_path: Path) -> None:
    turns: list[tuple[Role, str]] = [("system", "Short."), ("user", "Hello"), ("assistant", "Hi"), ("user", "2 + 2?")]
    row = {
        "id": "talk",
        "messages": [{"role": role, "content": content} for role, content in turns],
        "reference": ["4", "four"],
        "tags": ["talk"],
        "source": "book 1",
    }
    (case,) = load_suite(folder_of(tmp_path, jsonl=f"\n{json.dumps(row)}\n\n")).cases
    assert case == Case(
        "talk",
        tuple(Message(role, (TextPart(content),)) for role, content in turns),
        ["4", "four"],
        ("talk",),
        "book 1",
    )


@pytest.mark.parametrize(
    "text",
    [
        '\ufeffprompt,reference\r\n"a, ""b""\nc",x\r\n',
        'prompt;reference\n"a, ""b""\nc";x\n',
        'prompt\treference\n"a, ""b""\nc"\tx\n',
        'reference,Prompt\nx,"a, ""b""\nc"\n\n',
        'prompt,reference,tags\n"a, ""b""\nc",x\n',
    ],
)
def test_tables_of_many_programs_are_read(tmp_path: Path, text: str) -> None:
    (case,) = load_suite(folder_of(tmp_path, csv=text)).cases
    assert (prompt(case), case.reference) == ('a, "b"\nc', "x")


@pytest.mark.parametrize(
    ("scorer", "cell", "reference"),
    [
        ('kind = "contains"', "Paris|Seine", ["Paris", "Seine"]),
        ('kind = "numeric"', '"1,200"', "1,200"),
        ('kind = "regex"', "[0-9]", "[0-9]"),
        ('kind = "json"', '"{""a"": [1]}"', {"a": [1]}),
        ('kind = "instructions"', '"[{""id"": ""punctuation:no_comma""}]"', [{"id": "punctuation:no_comma"}]),
        ('kind = "refusal"', "safe", "safe"),
    ],
)
def test_a_cell_means_what_the_scorer_compares_with(tmp_path: Path, scorer: str, cell: str, reference: Any) -> None:
    (case,) = load_suite(folder_of(tmp_path, f"[scorer]\n{scorer}\n", csv=f"prompt,reference\nx,{cell}\n")).cases
    assert case.reference == reference


def test_ids_that_nobody_gave_stay_with_their_prompts(tmp_path: Path) -> None:
    before = load_suite(folder_of(tmp_path, csv="prompt,reference\na,1\nb,2\n")).cases
    after = load_suite(folder_of(tmp_path, csv="prompt,reference\nnew,0\nb,3\na,1\n")).cases
    assert {prompt(case): case.id for case in before}.items() <= {prompt(case): case.id for case in after}.items()


TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
NAMES = st.lists(TEXT.filter(lambda name: name == name.strip()), min_size=1, max_size=5, unique=True)


@given(NAMES, st.data())
def test_what_is_written_as_jsonl_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    rows = [
        {
            "id": name,
            "prompt": data.draw(TEXT),
            "reference": data.draw(TEXT | st.lists(TEXT, min_size=1, max_size=3)),
            "tags": data.draw(st.lists(TEXT, max_size=2)),
            "source": data.draw(st.none() | TEXT),
        }
        for name in names
    ]
    text = "".join(json.dumps(row, ensure_ascii=data.draw(st.booleans())) + "\n" for row in rows)
    suite = load_suite(folder_of(tmp_path_factory.mktemp("suites"), jsonl=text))
    assert [
        {
            "id": case.id,
            "prompt": prompt(case),
            "reference": case.reference,
            "tags": list(case.tags),
            "source": case.source,
        }
        for case in suite.cases
    ] == rows


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(CELLS, CELLS.map(str.strip)), min_size=1, max_size=5, unique_by=lambda row: row[0]))
def test_what_is_written_as_csv_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("prompt", "reference"), *rows])
    suite = load_suite(folder_of(tmp_path_factory.mktemp("suites"), csv=table.getvalue()))
    assert [(prompt(case), case.reference) for case in suite.cases] == rows


# --- what is refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ONE_CASE * 0, "cases.jsonl: there are no cases"),
        ('{"prompt": "a", "reference": "1"}\n\n{"prompt": "b"', "cases.jsonl:3: not JSON"),
        ("\n" * 6 + "{oops}", "cases.jsonl:7: not JSON"),
        ("[1]", 'cases.jsonl:1: a case is an object with a "prompt"'),
        ('{"promt": "a"}', "cases.jsonl:1: unknown key 'promt'; did you mean 'prompt'?"),
        ('{"reference": "a"}', 'cases.jsonl:1: a case has either a "prompt" or "messages"'),
        ('{"prompt": "a", "messages": []}', 'cases.jsonl:1: a case has either a "prompt" or "messages"'),
        ('{"prompt": 3, "reference": "a"}', "cases.jsonl:1: Expected `str`, got `int`"),
        ('{"prompt": "a", "reference": "1", "tags": "x"}', "cases.jsonl:1: Expected `array`, got `str`"),
        ('{"prompt": "a", "reference": "1", "id": 7}', "cases.jsonl:1: Expected `str | null`, got `int`"),
        ('{"prompt": " ", "reference": "1"}', "cases.jsonl:1: the prompt is empty"),
        ('{"messages": [], "reference": "1"}', "cases.jsonl:1: messages end with one of the user's"),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "reference": "1"}',
            "cases.jsonl:1: messages end with one of the user's",
        ),
        (
            '{"messages": [{"role": "boss", "content": "a"}], "reference": "1"}',
            "cases.jsonl:1: Invalid enum value 'boss'",
        ),
        ('{"prompt": "a"}', "cases.jsonl:1: the case cannot be scored: it needs a reference"),
        (
            '{"prompt": "a", "reference": "1", "id": "x"}\n{"prompt": "b", "reference": "1", "id": "x"}',
            "cases.jsonl:2: line 1 has the id 'x' too: give each case an id of its own",
        ),
        (ONE_CASE * 2, "cases.jsonl:2: line 1 has the same prompt too: give each case an id of its own"),
    ],
)
def test_a_wrong_line_is_told(tmp_path: Path, text: str, says: str) -> None:
    assert refused(folder_of(tmp_path, jsonl=text)).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cases.csv: there are no cases"),
        ("prompt,reference\n", "cases.csv: there are no cases"),
        ("2 + 2?,4\n", "cases.csv:1: the first line names the columns"),
        ("prompt,refrence\n", "unknown column 'refrence'; did you mean 'reference'?"),
        ("prompt,prompt\n", "cases.csv:1: the first line names the columns"),
        (
            'prompt,reference\n"a\nb",1\nHow much, then?,2\n',
            "cases.csv:4: 3 cells where the first line names 2 columns",
        ),
        ("prompt,reference,tags\na,1,x\nSo, is it?,2\n", "cases.csv:3: the cell ' is it?' begins with a space"),
        ('prompt,reference\na,1\n"b,2\n', "cases.csv:3: not CSV"),
        ("prompt,reference\na,1\nb,\n", "cases.csv:3: the case cannot be scored: it needs a reference"),
        ("prompt,reference\na,1\n,2\n", "cases.csv:3: the prompt is empty"),
    ],
)
def test_a_wrong_row_is_told(tmp_path: Path, text: str, says: str) -> None:
    assert says in refused(folder_of(tmp_path, csv=text))


def test_a_cell_that_should_be_json_is_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, '[scorer]\nkind = "json"\n', csv="prompt,reference\nx,{a}\n")
    assert refused(folder).startswith("cases.csv:2: its reference is not JSON")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("title =\n", "suite.toml:1: not TOML"),
        ('title = "x"\n', "suite.toml:1: Object missing required field `scorer`"),
        ('titel = "x"\n[scorer]\nkind = "exact"\n', "suite.toml:1: unknown key 'titel'; did you mean 'title'?"),
        ('max_tokens = "x"\n[scorer]\nkind = "exact"\n', "suite.toml:1: Expected `int`, got `str` in max_tokens"),
        ("[scorer]\n", "suite.toml:1: the scorer has no kind"),
        ('\n[scorer]\nkind = "exakt"\n', "suite.toml:3: there is no scorer 'exakt'; did you mean 'exact'?"),
        ('[scorer]\nkind = "exact"\nignorecase = true\n', "suite.toml:3: scorer 'exact' has no option 'ignorecase'"),
        (
            '[scorer]\nkind = "numeric"\ntolerance = "x"\n',
            "suite.toml:3: scorer 'numeric': Expected `float`, got `str`",
        ),
        (
            '\ncategory = "math"\n[scorer]\nkind = "exact"\n',
            "suite.toml:2: there is no category 'math'; did you mean 'maths'?",
        ),
        ('name = "a b"\n[scorer]\nkind = "exact"\n', "suite.toml:1: a name begins with a letter"),
        ('max_tokens = 0\n[scorer]\nkind = "exact"\n', "suite.toml:1: max_tokens is at least 1"),
        ('temperature = 3\n[scorer]\nkind = "exact"\n', "suite.toml:1: temperature is between 0 and 2"),
        ('limit = 0\n[scorer]\nkind = "exact"\n', "suite.toml:1: limit is at least 1"),
    ],
)
def test_wrong_settings_are_told(tmp_path: Path, settings: str, says: str) -> None:
    assert refused(folder_of(tmp_path, settings, jsonl=ONE_CASE)).startswith(says)


def test_missing_and_doubled_files_are_told(tmp_path: Path) -> None:
    assert "there is no suite folder" in refused(tmp_path / "nowhere")
    assert "has no suite.toml; `ecotone eval new FOLDER` writes an example" in refused(tmp_path)
    assert "has no cases; write cases.csv or cases.jsonl" in refused(folder_of(tmp_path))
    assert "keep one" in refused(folder_of(tmp_path, jsonl=ONE_CASE, csv="prompt,reference\na,b\n"))


def test_text_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "cases.csv").write_bytes("prompt,reference\ncafé,x\n".encode("latin-1"))
    assert refused(folder) == "cases.csv:2: not UTF-8: save the file as UTF-8"


# --- names, subsets, digests


def test_a_suite_is_found_by_folder_or_bundled_name(tmp_path: Path) -> None:
    folder_of(tmp_path, jsonl=ONE_CASE)
    added = tmp_path / "added"
    assert find_suite("mine", tmp_path, added).title == "Mine"
    assert find_suite("./mine", tmp_path, added).title == "Mine"
    assert find_suite("knowledge", tmp_path, added).licence == "Apache-2.0"
    with pytest.raises(SetupError, match="did you mean 'knowledge'"):
        find_suite("knowlege", tmp_path, added)
    with pytest.raises(SetupError, match="there is no suite folder"):
        find_suite("./knowlege", tmp_path, added)


def many(tmp_path: Path, count: int) -> Suite:
    rows = (json.dumps({"id": str(number), "prompt": f"{number}?", "reference": "x"}) for number in range(count))
    return load_suite(folder_of(tmp_path, jsonl="\n".join(rows)))


def test_a_smaller_subset_is_part_of_a_larger_one_and_spread_over_all(tmp_path: Path) -> None:
    suite = many(tmp_path, 1000)
    ten, hundred = ([int(case.id) for case in limited(suite, limit).cases] for limit in (10, 100))
    assert (len(ten), len(hundred)) == (10, 100)
    assert set(ten) < set(hundred)
    assert hundred == sorted(hundred)
    # Of 100 taken by chance, 50 are expected in each half; outside 30 to 70 is four standard deviations away.
    assert 30 <= sum(number < 500 for number in hundred) <= 70


def test_a_limit_that_holds_all_changes_nothing(tmp_path: Path) -> None:
    suite = many(tmp_path, 3)
    assert limited(suite, None) is limited(suite, 3) is limited(suite, 4) is suite
    assert limited(suite, 2).digest != suite.digest


DECIDES = [
    ('system = "Be brief."\n', "", ""),
    ("max_tokens = 8\n", "", ""),
    ("temperature = 0.5\n", "", ""),
    ("", "articles = false\n", ""),
    ("", "", '{"prompt": "2 + 3?", "reference": "4"}\n'),
    ("", "", '{"prompt": "2 + 2?", "reference": "5"}\n'),
    ("", "", '{"prompt": "2 + 2?", "reference": ["4"]}\n'),
    ("", "", '{"prompt": "2 + 2?", "reference": "4", "source": "book"}\n'),
    ("", "", '{"prompt": "2 + 2?", "reference": "4", "id": "sum"}\n'),
    (
        "",
        "",
        '{"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "2 + 2?"}], "reference": "4"}',
    ),
    ("", "", ONE_CASE + '{"prompt": "3 + 3?", "reference": "6"}\n'),
]
DOES_NOT = [
    ('title = "Other"\n', "", ""),
    ('name = "other"\n', "", ""),
    ('description = "x"\nlicence = "MIT"\nsource = "x"\ncategory = "maths"\nlimit = 1\n', "", ""),
    ("max_tokens = 512\ntemperature = 0.0\n", "articles = true\n", ""),
    ("", "", '{"prompt": "2 + 2?", "reference": "4", "tags": ["x"]}\n'),
]


def digest(root: Path, settings: str = "", options: str = "", cases: str = "") -> str:
    text = f'{settings}[scorer]\nkind = "normalised"\n{options}'
    return load_suite(folder_of(root, text, jsonl=cases or ONE_CASE)).digest


def test_the_digest_changes_with_whatever_decides_a_result(tmp_path: Path) -> None:
    found = [digest(tmp_path), *(digest(tmp_path, *change) for change in DECIDES)]
    assert len(set(found)) == len(found)
    assert all(len(text) == 64 for text in found)


def test_the_digest_changes_with_the_rules_of_a_scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(tmp_path)
    monkeypatch.setattr("ecotone.evaluation.scorers.text.Normalised.version", 2)
    assert digest(tmp_path) != before


@pytest.mark.parametrize("change", DOES_NOT)
def test_the_digest_does_not_change_with_what_decides_nothing(tmp_path: Path, change: tuple[str, str, str]) -> None:
    assert digest(tmp_path, *change) == digest(tmp_path)


def test_the_order_of_cases_decides_nothing(tmp_path: Path) -> None:
    other = '{"prompt": "3 + 3?", "reference": "6"}\n'
    assert digest(tmp_path, cases=ONE_CASE + other) == digest(tmp_path, cases=other + ONE_CASE)


# --- the example


def test_the_example_has_ten_prompts_and_loads(tmp_path: Path) -> None:
    write_example(tmp_path / "new" / "suite")
    suite = load_suite(tmp_path / "new" / "suite")
    assert (len(suite.cases), suite.scorer.kind, suite.name) == (10, "contains", "suite")


def test_the_example_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("mine")
    with pytest.raises(SetupError, match=r"cases\.csv is there already"):
        write_example(tmp_path)
    assert (tmp_path / "cases.csv").read_text() == "mine"
