#!/usr/bin/env python3
"""Make the tables behind openness from a copy of the Model Openness Tool's data and of SPDX's list of licences.

python scripts/import/openness.py FOLDER [--spdx licenses.json] [--into src/ecotone/catalog/data]

FOLDER has models/*.yml, mof-components.yml and mof-licenses.json. `--spdx` is licenses.json of spdx/license-list-data;
left out, the list made before stays. What was read, and when, belongs into data/SOURCES.md.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import yaml

# Licences for data and documents that count as open beside those that OSI or FSF name: attribution and share-alike of
# any version and country (never non-commercial or no-derivatives), dedications to the public, and the open-data ones.
_OPEN_CONTENT = re.compile(
    r"CC0-1\.0|CC-BY(-SA)?-\d.*|CDLA-(Permissive|Sharing)-.*|ODbL-1\.0|ODC-By-1\.0|PDDL-1\.0"
    r"|OGL-UK-[23]\.0|OGL-Canada-2\.0|OpenMDW-1\.0"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables behind openness.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spdx", type=Path)
    parser.add_argument("--into", type=Path, default=Path("src/ecotone/catalog/data"))
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    into: Path = arguments.into
    _write(into / "openness.json", openness_table(folder))
    if arguments.spdx is not None:
        _write(into / "spdx.json", spdx_table(_json(arguments.spdx), _json(folder / "mof-licenses.json")))


def openness_table(folder: Path) -> dict[str, Any]:
    """Components, the framework's own licences by kind of content, and what each model releases under which licence."""
    components = _yaml(folder / "mof-components.yml")["components"]
    numbers = {row["name"]: str(row["id"]) for row in components}
    return {
        "components": [
            [row["id"], row["name"], row["content_type"], row["class"], row["required"]]
            for row in sorted(components, key=lambda row: (-row["class"], row["weight"]))
        ],
        "licences": licences_by_content(_json(folder / "mof-licenses.json")),
        "models": {
            path.stem: model_row(_yaml(path)["release"], numbers)
            for path in sorted((folder / "models").glob("*.yml"), key=lambda path: path.name)
        },
    }


def licences_by_content(table: dict[str, Any]) -> dict[str, list[str]]:
    """The kinds of content that each licence of the framework is meant for. A licence may have several rows."""
    found: dict[str, set[str]] = {}
    for row in table["licenses"]:
        kinds = row["ContentType"]
        found.setdefault(row["licenseId"], set()).update([kinds] if isinstance(kinds, str) else kinds)
    return {name: sorted(kinds) for name, kinds in sorted(found.items())}


def model_row(release: dict[str, Any], numbers: dict[str, str]) -> dict[str, Any]:
    """A model's facts without prose. A component without a licence of its own is null."""
    row: dict[str, Any] = {
        "name": release["name"],
        "producer": release["producer"],
        "version": release.get("version", ""),
        "date": release["date"],
        "page": release.get("huggingface") or release.get("repository") or "",
        "licences": {kind: (given.get("name") or "").strip() for kind, given in release["license"].items()},
        "components": {
            numbers[part["name"]]: None if part.get("license") is None else part["license"].strip()
            for part in release["components"]
        },
    }
    row["licences"] = {kind: name for kind, name in row["licences"].items() if name}
    return {key: value for key, value in row.items() if value or key in ("name", "producer", "components")}


def spdx_table(spdx: dict[str, Any], mof: dict[str, Any]) -> dict[str, Any]:
    """Identifier, full name, and flags: o OSI approves it, f FSF calls it free, d open content, x retired."""
    rows = {row["licenseId"]: row for row in mof["licenses"]} | {row["licenseId"]: row for row in spdx["licenses"]}
    return {
        "version": spdx["licenseListVersion"],
        "released": spdx["releaseDate"][:10],
        "licences": {name: [row["name"], _flags(row)] for name, row in sorted(rows.items())},
    }


def _flags(row: dict[str, Any]) -> str:
    marks = (
        ("o", row.get("isOsiApproved")),
        ("f", row.get("isFsfLibre")),
        ("d", _OPEN_CONTENT.fullmatch(row["licenseId"])),
        ("x", row["isDeprecatedLicenseId"]),
    )
    return "".join(mark for mark, given in marks if given)


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, table: dict[str, Any]) -> None:
    """One line for each row, so that a difference between two imports can be read."""
    parts = []
    for key, value in table.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"{_compact(name)}:{_compact(row)}" for name, row in value.items())
            parts.append(f"{_compact(key)}:{{\n{rows}\n}}")
        else:
            parts.append(f"{_compact(key)}:{_compact(value)}")
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
