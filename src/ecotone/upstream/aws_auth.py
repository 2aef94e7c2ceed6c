"""Signatures for AWS (Signature Version 4), through the library botocore (the extra `aws`)."""

import asyncio
import importlib
from collections.abc import Mapping
from typing import Any

from ecotone.upstream.http import Headers
from ecotone.values.errors import UpstreamCredentials

MISSING = "pip install 'ecotone[aws]', which brings the library that signs requests for AWS"
_SERVICE = "bedrock"


class AwsSigner:
    """Signs requests for Bedrock in one region."""

    def __init__(self, region: str, environment: Mapping[str, str]) -> None:
        """`environment` may hold AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_PROFILE; without
        keys there the library looks where it usually does (files of the user's, roles of the machine)."""
        self._region = region
        self._environment = environment
        self._credentials: Any = None
        self._keys: Any = None
        self._looking = asyncio.Lock()

    @staticmethod
    def problem() -> str | None:
        """What to do before this can work; None if nothing."""
        try:
            importlib.import_module("botocore.auth")
        except ImportError:
            return MISSING
        return None

    async def headers(self, method: str, url: str, body: bytes) -> Headers:
        if self._stale():
            async with self._looking:
                if self._stale():
                    await asyncio.to_thread(self._look)
        request = importlib.import_module("botocore.awsrequest").AWSRequest(
            method=method, url=url, data=body, headers={"content-type": "application/json"}
        )
        importlib.import_module("botocore.auth").SigV4Auth(self._keys, _SERVICE, self._region).add_auth(request)
        # The host is signed, too, but it is the client that sends it; so it is with the type of the content.
        return tuple(
            (name.lower(), value)
            for name, value in request.headers.items()
            if name.lower() in ("authorization", "x-amz-date", "x-amz-security-token")
        )

    def _stale(self) -> bool:
        """Have the keys to be looked for? Those of a role are renewed some minutes before they end."""
        if self._keys is None:
            return True
        refresh_needed = getattr(self._credentials, "refresh_needed", None)
        return refresh_needed is not None and bool(refresh_needed())

    def _look(self) -> None:
        """Runs in a thread of its own: the library may ask the machine's metadata server."""
        exceptions = importlib.import_module("botocore.exceptions")
        try:
            if self._credentials is None:
                self._credentials = _found(self._environment)
            if self._credentials is not None:
                self._keys = self._credentials.get_frozen_credentials()
        except exceptions.BotoCoreError as error:
            raise UpstreamCredentials(f"AWS credentials could not be had ({type(error).__name__}).") from error
        if self._credentials is None:
            raise UpstreamCredentials(
                "No AWS credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or"
                " AWS_BEARER_TOKEN_BEDROCK in the gateway's environment."
            )


def _found(environment: Mapping[str, str]) -> Any:
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if key_id and secret:
        credentials = importlib.import_module("botocore.credentials")
        return credentials.Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)
    session = importlib.import_module("botocore.session").Session(profile=environment.get("AWS_PROFILE") or None)
    return session.get_credentials()
