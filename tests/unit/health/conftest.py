from collections.abc import Iterator

import pytest
from health_process import HealthProcess


@pytest.fixture(scope="package")
def shared_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HealthProcess]:
    with HealthProcess(tmp_path_factory.mktemp("health") / "heartbeat") as process:
        yield process


@pytest.fixture
def health(shared_process: HealthProcess) -> HealthProcess:
    """Give the process that all tests share a beat that outlives the test."""
    shared_process.beat()
    return shared_process
