"""`ecotone models classify`, as a user has it."""

import json
from pathlib import Path

import pytest

from tests.cli.in_process import in_process

CASES = Path(__file__).parents[1] / "catalog" / "openness_cases"


def test_json_is_what_the_tool_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = in_process(tmp_path, monkeypatch).run("models", "classify", str(CASES / "04.yml"), "--json")
    assert done.code == 0
    read = json.loads(done.out)
    assert list(read)[:3] == ["class", "label", "progress"]
    assert {key: read[key] for key in ("class", "label", "progress")} == {
        "class": 3,
        "label": "Class III - Open Model",
        "progress": {"1": 0, "2": 60, "3": 100},
    }
    assert read["word"] == "open weights"
    assert read["osaid"]["code"]["answer"] == "not met"
    assert read["missing"]["2"] == ["Training code", "Inference code", "Evaluation code", "Evaluation data"]
    assert len(read["components"]) == 17


def test_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    description = tmp_path / "fern.yml"
    description.write_text(
        "release:\n  name: Fern\n  producer: Wood\n  components:\n"
        "  - {name: Model parameters (Final), license: Llama 3.3 Community}\n"
        "  - {name: Model card, license: CC-BY-4.0}\n  - {name: Model metadata}\n"
    )
    done = in_process(tmp_path, monkeypatch).run("models", "classify", "fern.yml")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "Fern · Wood · Unclassified · open weights with restrictions"
    assert "Class III Open Model ███░░░░░░░░░░░░░░░░░ 17%" in lines
    assert "● Model card open CC-BY-4.0" in lines
    assert "◐ Model parameters (Final) not open LicenseRef-scancode-llama-3.3-license-2024" in lines
    assert "◐ Model metadata (optional) no licence stated" in lines
    assert "○ Datasets not released" in lines
    assert (
        "For Class III it lacks: Model architecture, Model parameters (Final), Data card,"
        " Technical report or Research paper, Evaluation results" in lines
    )
    assert "note: read 'Llama 3.3 Community' as LicenseRef-scancode-llama-3.3-license-2024" in lines


def test_what_is_wrong_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    absent = shell.run("models", "classify", "absent.yml")
    assert (absent.code, absent.out) == (1, "")
    assert "absent.yml: cannot be read: No such file" in absent.err
    (tmp_path / "latin.yml").write_bytes("a: b\nrelease: Müller".encode("latin-1"))
    latin = shell.run("models", "classify", "latin.yml")
    assert latin.code == 1
    assert "latin.yml:2: not UTF-8 text" in latin.err
    (tmp_path / "huge.yml").write_bytes(b"#" * 600_000)
    huge = shell.run("models", "classify", "huge.yml", "--json")
    assert huge.code == 1
    assert "huge.yml: a description has at most" in huge.err
