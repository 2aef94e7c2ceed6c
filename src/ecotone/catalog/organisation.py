"""What an organisation says of itself, once, so that licences and terms can be held against it."""

import msgspec


class Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The config's `[organisation]`. What is not said is None, and a clause that turns on it gives no verdict.

    `monthly_users` are monthly active users of all products and services, affiliates included. `revenue` is US dollars
    a year, affiliates included. `territories` are where it is established or offers its service: ISO 3166 codes of two
    letters, or `EU`. `obligations` are laws and standards that bind it, in its own words (`gdpr`, `hipaa`).
    """

    commercial: bool | None = None
    monthly_users: int | None = None
    revenue: int | None = None
    territories: tuple[str, ...] | None = None
    sector: str | None = None
    obligations: tuple[str, ...] = ()
