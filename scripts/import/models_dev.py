"""Makes src/ecotone/catalog/data/models_dev.json of a copy of models.dev's rows.

    python scripts/import/models_dev.py FOLDER

FOLDER holds `models-dev.json`: models.dev's rows as one JSON of `models` (facts by the model's id) and `providers`
(their rows; `base_model` names the model whose facts a row shares), and in `source` the day of the snapshot.
"""

import re
import sys
from datetime import date
from pathlib import Path

import msgspec

from ecotone.catalog.listing import Listing, written
from ecotone.catalog.models_dev import PROVIDERS, Entry, listing, model_row
from ecotone.catalog.names import NameIndex, name_table

TARGET = Path("src/ecotone/catalog/data/models_dev.json")


class _Rows(msgspec.Struct):
    models: dict[str, Entry]


class Snapshot(msgspec.Struct):
    source: str
    models: dict[str, Entry]
    providers: dict[str, _Rows]


def read_snapshot(text: bytes) -> Listing:
    snapshot = msgspec.json.decode(text, type=Snapshot)
    day = re.search(r"snapshot (\d{4}-\d{2}-\d{2})", snapshot.source)
    if day is None:
        raise SystemExit("models-dev.json does not say in `source` which day's snapshot it is")
    models = [model_row(model_id.lower(), entry) for model_id, entry in snapshot.models.items()]
    providers = {
        ours: snapshot.providers[theirs].models for theirs, ours in PROVIDERS.items() if theirs in snapshot.providers
    }
    return listing(providers, models, date.fromisoformat(day.group(1)), NameIndex((), name_table()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    made = read_snapshot((Path(sys.argv[1]) / "models-dev.json").read_bytes())
    TARGET.write_text(written(made), encoding="utf-8")
    joined = sum(offer.model is not None for offer in made.offers)
    print(f"{TARGET}: {len(made.models)} models, {len(made.offers)} offers, {joined} of them joined to a model")
