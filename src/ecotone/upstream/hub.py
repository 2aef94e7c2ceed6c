"""Where a file of a Hugging Face repository lies.

Only the look-up is huggingface_hub's. Its own download starts from zero after an interruption (since 2.4), so the
bytes are fetched by `ecotone.upstream.fetch`, from the commit that the look-up named.
"""

import re

import msgspec

from ecotone.upstream.fetch import Fetcher
from ecotone.upstream.sources import HubSource
from ecotone.values.errors import StoreError

_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubFile(msgspec.Struct, frozen=True):
    """`sha256` is None for the small files that a repository keeps outside large-file storage."""

    url: str
    commit: str
    size: int | None
    sha256: str | None


def locate(fetcher: Fetcher, source: HubSource) -> HubFile:
    """Ask the hub for the file on its main branch. Raises StoreError that says what to do."""
    # Imported here: it takes most of a second, and a model that is already in the store needs none of it.
    from httpx2 import HTTPError
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    settings = fetcher.settings
    page = f"{settings.hf_endpoint or 'https://huggingface.co'}/{source.repo}"
    fetcher.task.tell("looking up", source.text)
    try:
        url = hf_hub_url(source.repo, source.path, endpoint=settings.hf_endpoint)
        found = get_hf_file_metadata(url, token=settings.hf_token or False, timeout=settings.silence_max_s)
    except GatedRepoError:
        raise StoreError(f"{page} wants its terms accepted; accept them there and set HF_TOKEN") from None
    except RepositoryNotFoundError:
        raise StoreError(f"no repository {page}; check the spelling, or set HF_TOKEN if it is private") from None
    except EntryNotFoundError:
        raise StoreError(f"{page} has no file {source.path}; its files are listed at {page}/tree/main") from None
    except HFValidationError as error:
        raise StoreError(f"{source.text}: {error}") from None
    except HfHubHTTPError as error:
        raise StoreError(f"{page} answered {error.response.status_code}; try again later") from None
    except (HTTPError, OSError) as error:
        raise StoreError(_unreachable(page, error)) from None
    if found.commit_hash is None:
        raise StoreError(f"{page} does not answer like a Hugging Face hub; check the endpoint")
    if settings.hf_token:
        fetcher.use_token(url, settings.hf_token)
    sha256 = found.etag if found.etag and _SHA256.fullmatch(found.etag) else None
    pinned = hf_hub_url(source.repo, source.path, revision=found.commit_hash, endpoint=settings.hf_endpoint)
    return HubFile(pinned, found.commit_hash, found.size, sha256)


def _unreachable(page: str, error: Exception) -> str:
    return (
        f"cannot reach {page}: {error}. "
        "Check the network and the proxy, or use a file that is here with file:/path/to/model.gguf"
    )
