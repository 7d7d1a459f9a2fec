"""``python -m publish --bucket NAME --key FINGERPRINT PACKAGE…``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from failberry.aws.session import Session
from failberry.errors import AdapterError
from publish import repository
from publish.bucket import CURES, Bucket
from publish.index import RefusedError
from publish.tools import Signer


def main() -> int:
    """Publish; the exit status is 1 if nothing was changed for those who install."""
    parser = argparse.ArgumentParser(
        prog="publish", description="Publish packages in an APT repository on S3."
    )
    parser.add_argument("--bucket", required=True, help="name of the S3 bucket")
    parser.add_argument("--key", required=True, help="fingerprint of the signing key; several with commas")
    parser.add_argument("--prefix", default="", help="folder in the bucket (default: its root)")
    parser.add_argument("--suite", default="stable", help="name of the suite (default: %(default)s)")
    parser.add_argument("--region", help="AWS region of the bucket")
    parser.add_argument("--profile", help="profile of the AWS credentials")
    parser.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE", help=".deb files")
    words = parser.parse_args()
    try:
        signer = Signer(words.key.split(","))
        bucket = Bucket(
            Session(cures=CURES, profile=words.profile),
            words.bucket,
            prefix=words.prefix,
            region=words.region,
        )
        repository.publish(bucket, signer, words.packages, suite=words.suite, tell=print)
    except (RefusedError, AdapterError) as error:
        sys.stderr.write(f"Nothing was published: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
