"""What an organisation says of itself, once, so that licences and terms can be held against it."""

import msgspec


class Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[organisation]`: what licences and terms are held against. What is not said is unknown, and a clause that turns
    on it gives no verdict."""

    commercial: bool | None = None
    """Is the use commercial?"""
    monthly_users: int | None = None
    """Monthly active users of all products and services, affiliates included."""
    revenue: int | None = None
    """US dollars a year, affiliates included."""
    territories: tuple[str, ...] | None = None
    """Where it is established or offers its service: ISO 3166 codes of two letters, or `EU`."""
    sector: str | None = None
    """Its field, in its own words (`health`, `banking`)."""
    obligations: tuple[str, ...] = ()
    """Laws and standards that bind it, in its own words (`gdpr`, `hipaa`)."""
