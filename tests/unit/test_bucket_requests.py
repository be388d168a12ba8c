"""What we ask a bucket by ourselves: signatures as AWS documents them, and what an answer lists."""

from datetime import UTC, datetime

import httpx
import pytest

from shared.storage.access import BucketAccess
from shared.storage.signing import sign
from shared.storage.unfinished import Upload, begun_before

# Source: "Signature Calculations for the Authorization Header", Amazon S3 API Reference.
EXAMPLE = BucketAccess(
    access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
AT = datetime(2013, 5, 24, tzinfo=UTC)
LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>bucket</Bucket><IsTruncated>false</IsTruncated>
  <Upload><Key>p/1/old&amp;</Key><UploadId>XMgbGlrZS</UploadId><Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>
  <Upload><Key>p/1/young</Key><UploadId>VXBsb2Fk</UploadId><Initiated>2010-11-10T20:48:35.000Z</Initiated></Upload>
</ListMultipartUploadsResult>
"""


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_requests_are_signed_as_documented(query: str, signature: str):
    request = httpx.Request("GET", f"https://examplebucket.s3.amazonaws.com/?{query}")

    sign(request, EXAMPLE, region="us-east-1", at=AT)

    assert request.headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature={signature}"
    )


def test_a_session_token_is_sent_and_signed():
    request = httpx.Request("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle=")
    access = BucketAccess(access_key_id="id", secret_access_key="secret", session_token="the-token")

    sign(request, access, region="us-east-1", at=AT)

    assert request.headers["x-amz-security-token"] == "the-token"
    assert "x-amz-date;x-amz-security-token," in request.headers["authorization"]


def test_an_upload_that_began_later_is_not_taken_for_an_unfinished_one():
    before = datetime(2010, 11, 10, 20, 48, 34, tzinfo=UTC)

    assert begun_before(before, LISTING) == [Upload("p/1/old&", "XMgbGlrZS")]


def test_no_key_is_in_repr():
    access = BucketAccess.read(
        {
            "AWS_ACCESS_KEY_ID": "pass-word",
            "AWS_SECRET_ACCESS_KEY": "pass-word",
            "AWS_SESSION_TOKEN": "pass-word",
            "AWS_ENDPOINT_URL": "https://s3.example.com",
        }
    )

    assert "pass-word" not in repr(access)
    assert "s3.example.com" in repr(access)
