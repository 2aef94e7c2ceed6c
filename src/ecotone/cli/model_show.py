"""`ecotone models show`: everything that is known of one model."""

from pathlib import Path

from ecotone.cli.models import look
from ecotone.cli.output import print_json
from ecotone.gateway.inventory.dossier import gather
from ecotone.gateway.inventory.model_rows import dossier_data


def show(name: str, config_file: Path | None, as_json: bool) -> None:
    """Print what is known of a model of the gateway or of the catalog."""
    found = gather(name, look(config_file))
    if as_json:
        print_json(dossier_data(found))
        return
    from ecotone.cli.model_page import print_page

    print_page(found)
