#!/usr/bin/env python3
"""Look up every quotation in src/ecotone/catalog/data/licences in the text of the licence that it is from.

python scripts/check_licence_citations.py FOLDER...

Each FOLDER holds licence texts under the names that the facts give in `text_file`. White space counts as one space, and
a header between two lines of three dashes is left out; the digest in `text_sha256` is the SHA-256 of what remains, in
UTF-8. Exit status 0: every text was there, has its
digest and every quotation is in it. 1: something is wrong or missing.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from ecotone.catalog.licences import LicenceFacts, all_licences

WORDS_MAX = 15


def plain(text: str) -> str:
    """The words of a licence's text, one space between them, without the header that some collections put first."""
    if text.startswith("---\n"):
        text = text.split("\n---\n", 1)[1]
    return " ".join(text.split())


def faults(facts: LicenceFacts, folders: list[Path]) -> Iterator[str]:
    """What is wrong with one licence's citations, in words; nothing if all is well."""
    found = [path for folder in folders if (path := folder / facts.text_file).is_file()]
    if not found:
        yield f"{facts.text_file} is in none of the folders"
        return
    text = plain(found[0].read_text(encoding="utf-8"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest != facts.text_sha256:
        yield f"{found[0]} has the digest {digest}, the facts were read in {facts.text_sha256}"
    for clause in facts.clauses:
        if clause.says not in text:
            yield f"{clause.section}: not in the text: {clause.says}"
        if len(clause.says.split()) > WORDS_MAX:
            yield f"{clause.section}: more than {WORDS_MAX} words: {clause.says}"


def main(folders: list[Path]) -> int:
    wrong = 0
    for facts in all_licences().values():
        for fault in faults(facts, folders):
            wrong += 1
            print(f"{facts.id}: {fault}")
    quotations = sum(len(facts.clauses) for facts in all_licences().values())
    print(f"{len(all_licences())} texts, {quotations} quotations, {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: python scripts/check_licence_citations.py FOLDER...")
    raise SystemExit(main([Path(folder) for folder in sys.argv[1:]]))
