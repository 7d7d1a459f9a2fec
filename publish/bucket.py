"""The repository's files in a bucket of S3, through the one place that speaks with AWS."""

from __future__ import annotations

from failberry.aws.session import AwsError, Cures, Document, Session
from failberry.errors import AdapterReason

ABSENT = {"NoSuchKey", "404"}
FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose name says what is in them."""
SHORTLY = "public, max-age=60"
CURES = Cures(
    denied="the key may not: it needs s3:GetObject, s3:PutObject and s3:ListBucket on this bucket",
    refused="check BUCKET= and ENDPOINT=",
    silent="check ENDPOINT=, and try again: what was published before is as it was",
    codes={"NoSuchBucket": (AdapterReason.REFUSED, "make it first: `aws s3 mb s3://BUCKET`")},
)


class Bucket:
    """A folder of a bucket; everything raises AdapterError."""

    def __init__(self, session: Session, name: str, *, prefix: str = "", region: str | None = None) -> None:
        self._session, self._name, self._region = session, name, region
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def get(self, path: str) -> bytes | None:
        """Read a file; None: there is none."""
        try:
            answer = self._ask("get_object", f"read {path}", Key=self._prefix + path)
        except AwsError as error:
            # Who may not list is told "denied" for what is not there: that is no reason to believe it absent.
            if error.code in ABSENT:
                return None
            raise
        content: bytes = answer["Body"].read()
        return content

    def put(self, path: str, content: bytes, *, kind: str, cache: str = FOR_EVER) -> None:
        """Write a file whole: S3 shows the old one, or the new one, and nothing in between."""
        self._ask(
            "put_object",
            f"write {path}",
            Key=self._prefix + path,
            Body=content,
            ContentType=kind,
            CacheControl=cache,
        )

    def _ask(self, operation: str, what: str, **parameters: object) -> Document:
        return self._session.ask(
            "s3",
            operation,
            {"Bucket": self._name, **parameters},
            f"{what} in {self._name}",
            region=self._region,
        )
