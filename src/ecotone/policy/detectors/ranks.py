"""To which class a find raises a request, unless the owner says otherwise."""

from ecotone.policy.classes import DEFAULT_CLASSES, DataClasses

_CLASSES = {
    "secret": "restricted",
    "credit_card": "restricted",
    "iban": "confidential",
    "bank_account": "confidential",
    "crypto_address": "confidential",
    "email": "confidential",
    "phone": "confidential",
    "birth_date": "confidential",
    "coordinates": "confidential",
    "person": "confidential",
    "ip": "internal",
    "mac": "internal",
    "url": "public",
    "place": "public",
    "organisation": "public",
}
_NATIONAL_NUMBER = "restricted"


def shipped_rank(kind: str, classes: DataClasses) -> int:
    """The rank of the class that a find of this shipped kind raises to.

    Where the owner has classes of his own, the one in the same place between lowest and highest, the higher of two.
    """
    name = _CLASSES.get(kind, _NATIONAL_NUMBER)
    if name in classes:
        return classes.rank(name)
    place, highest = DEFAULT_CLASSES.index(name), len(DEFAULT_CLASSES) - 1
    return -(-place * (len(classes) - 1) // highest)
