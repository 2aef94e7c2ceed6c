"""What the rules want replaced, replaced before it is sent and put back into the reply."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping

import msgspec

from ecotone.gateway.declared import Declared
from ecotone.gateway.jobs import Job
from ecotone.gateway.labelling import Labelled
from ecotone.policy.inspection import CannotRedact, replaced
from ecotone.policy.pseudonyms import Pseudonyms, PseudonymTable
from ecotone.policy.restoring import Pseudonymous, Restorer
from ecotone.policy.signed import signed_reasoning
from ecotone.values.errors import EcotoneError, Unredactable
from ecotone.values.filters import EventFilter


class Redacted(msgspec.Struct, frozen=True, eq=False):
    """A job with pseudonyms in the place of what was found. `counts` says how many of each kind, and `pseudonyms` what
    they stand for (None: there are none); that is kept nowhere and goes with the exchange."""

    job: Job
    counts: Mapping[str, int] = {}
    pseudonyms: Pseudonymous | None = None

    def filters(self) -> tuple[EventFilter, ...]:
        """What puts a reply right again; for one reply."""
        return () if self.pseudonyms is None else (Restorer(self.pseudonyms, json_text=self.job.json_text),)


class Redaction:
    """Replaces under keys made from `key`: one for each conversation that a caller names, else one for each caller."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def redacted(self, job: Job, labelled: Labelled, kinds: frozenset[str], declared: Declared) -> Redacted:
        """The job with all findings of these kinds replaced. Raises Unredactable."""
        inspection = labelled.inspection
        if inspection is None:
            raise EcotoneError("Something is to be replaced in a request that nobody has looked into.")
        said_by = repr((labelled.labels.principal, declared.conversation)).encode()
        pseudonyms = Pseudonyms(hmac.digest(self._key, said_by, hashlib.sha256))
        said = (passage.text for passage in inspection.texts if passage.role != "assistant")
        table = PseudonymTable(pseudonyms, said, signed=signed_reasoning(job.said))
        counts: Counter[str] = Counter()

        def replace(kind: str, value: str) -> str:
            counts[kind] += 1
            return table.replace(kind, value)

        try:
            told = replaced(job.said, inspection, kinds, replace)
        except CannotRedact as fault:
            raise Unredactable(
                f"The rules want something replaced that cannot be: {fault}. Take it out of the request, or ask for a"
                " model that may have it."
            ) from None
        known = Pseudonymous(table.originals) if table.originals else None
        return Redacted(job.saying(told), dict(counts), known)
