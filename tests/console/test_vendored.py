"""What others made is unchanged, and said to be theirs."""

import base64
import hashlib
import re

from ecotone.web.console.rendering import STATIC

VENDOR = STATIC / "vendor"


def test_every_file_is_the_one_that_its_hash_names() -> None:
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| ([\d.]+) \| (\S+) \| (\S+) \|$", (VENDOR / "README.md").read_text(), re.MULTILINE
    )
    listed = {path: digest for path, _, _, _, digest in rows}
    there = {
        str(path.relative_to(VENDOR))
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name not in ("LICENSE", "README.md")
    }
    assert there == set(listed)
    for path, digest in listed.items():
        assert base64.b64encode(hashlib.sha384((VENDOR / path).read_bytes()).digest()).decode() == digest, path


def test_every_package_brings_its_licence() -> None:
    for folder in VENDOR.iterdir():
        if folder.is_dir():
            assert (folder / "LICENSE").read_text().strip(), folder.name
