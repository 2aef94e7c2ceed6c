"""The importer, on a small made-up copy of its sources."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "import" / "openness.py"

FERN = """
release:
  name: Fern
  producer: Wood
  version: 7B
  date: '2026-05-11'
  contact: ''
  huggingface: ''
  repository: https://example.com/fern
  license: {distribution: {name: ' MIT ', path: x}, code: {name: ''}}
  components:
  - {name: Datasets, description: prose, license: ' CC-BY-4.0'}
  - {name: Model card, description: prose, license_path: x}
"""
COMPONENTS = """
components:
- {id: 15, name: Datasets, content_type: data, class: 1, weight: 30, required: true}
- {id: 13, name: Model card, content_type: document, class: 3, weight: 70, required: false}
"""


def licence(name: str, **facts: Any) -> dict[str, Any]:
    return {"licenseId": name, "name": f"{name} in full", "isDeprecatedLicenseId": False, **facts}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "Fern-7B.yml").write_text(FERN)
    (tmp_path / "mof-components.yml").write_text(COMPONENTS)
    mof = [
        licence("CC0-1.0", ContentType="data"),
        licence("CC0-1.0", ContentType="document"),
        licence("OpenMDW-1.0", ContentType=["document", "code"]),
    ]
    (tmp_path / "mof-licenses.json").write_text(json.dumps({"licenses": mof}))
    spdx = [
        licence("MIT", isOsiApproved=True, isFsfLibre=True),
        licence("CC0-1.0", isOsiApproved=False, isFsfLibre=True),
        licence("CC-BY-NC-4.0", isOsiApproved=False),
        licence("CC-BY-3.0-DE", isOsiApproved=False),
        licence("GPL-3.0", isOsiApproved=True) | {"isDeprecatedLicenseId": True},
    ]
    releases = {"licenseListVersion": "9.9", "releaseDate": "2026-01-02T00:00:00Z", "licenses": spdx}
    (tmp_path / "licenses.json").write_text(json.dumps(releases))
    return tmp_path


def run(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, SCRIPT, *arguments], check=True)


def test_tables(source: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    run(source, "--spdx", source / "licenses.json", "--into", into)
    assert json.loads((into / "openness.json").read_text()) == {
        "components": [[13, "Model card", "document", 3, False], [15, "Datasets", "data", 1, True]],
        "licences": {"CC0-1.0": ["data", "document"], "OpenMDW-1.0": ["code", "document"]},
        "models": {
            "Fern-7B": {
                "name": "Fern",
                "producer": "Wood",
                "version": "7B",
                "date": "2026-05-11",
                "page": "https://example.com/fern",
                "licences": {"distribution": "MIT"},
                "components": {"15": "CC-BY-4.0", "13": None},
            }
        },
    }
    assert json.loads((into / "spdx.json").read_text()) == {
        "version": "9.9",
        "released": "2026-01-02",
        "licences": {
            "CC-BY-3.0-DE": ["CC-BY-3.0-DE in full", "d"],
            "CC-BY-NC-4.0": ["CC-BY-NC-4.0 in full", ""],
            "CC0-1.0": ["CC0-1.0 in full", "fd"],
            "GPL-3.0": ["GPL-3.0 in full", "ox"],
            "MIT": ["MIT in full", "of"],
            "OpenMDW-1.0": ["OpenMDW-1.0 in full", "d"],
        },
    }


def test_the_same_source_gives_the_same_bytes_and_leaves_the_list_of_licences(source: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    run(source, "--into", into)
    first = (into / "openness.json").read_bytes()
    run(source, "--into", into)
    assert (into / "openness.json").read_bytes() == first
    assert not (into / "spdx.json").exists()
