"""CloudWatch.  The only importer of boto3 here, and late: what is asked does not wait for it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ping.metrics import Datum


@functools.cache
def _client() -> Any:
    # Its type is made at run time.
    import boto3
    from botocore.config import Config

    patience = Config(
        connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
    )
    return boto3.client("cloudwatch", config=patience)


def put(namespace: str, figures: Sequence[Datum]) -> None:
    """Write them all in one call.  Raises what the SDK raises: a run without figures has failed."""
    _client().put_metric_data(Namespace=namespace, MetricData=figures)
