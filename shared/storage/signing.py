"""The signature of a request to S3, for what the client library has no call for.

Source: AWS Signature Version 4, authorization header.
"""

import hashlib
import hmac
from datetime import datetime
from functools import reduce

import httpx

from shared.storage.access import BucketAccess

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = hashlib.sha256(b"").hexdigest()


def sign(request: httpx.Request, access: BucketAccess, *, region: str, at: datetime) -> None:
    """Add the headers that make S3 take a request without a body as ours.

    Its query has to be in the canonical form already: sorted, each name with a `=`, spaces as %20.
    """
    request.headers["x-amz-date"] = f"{at:%Y%m%dT%H%M%SZ}"
    request.headers["x-amz-content-sha256"] = _NO_BODY
    if access.session_token is not None:
        request.headers["x-amz-security-token"] = access.session_token
    scope = f"{at:%Y%m%d}/{region}/s3/aws4_request"
    names = sorted(name for name in request.headers if name == "host" or name.startswith("x-amz-"))
    digest = hashlib.sha256(_canonical(request, names).encode()).hexdigest()
    text = "\n".join((_ALGORITHM, request.headers["x-amz-date"], scope, digest))
    signature = _hmac(_key(access.secret_access_key or "", scope), text).hex()
    request.headers["authorization"] = (
        f"{_ALGORITHM} Credential={access.access_key_id}/{scope},"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )


def _canonical(request: httpx.Request, names: list[str]) -> str:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    headers = [f"{name}:{request.headers[name]}" for name in names]
    return "\n".join((request.method, path, query, *headers, "", ";".join(names), _NO_BODY))


def _key(secret: str, scope: str) -> bytes:
    return reduce(_hmac, scope.split("/"), f"AWS4{secret}".encode())


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
