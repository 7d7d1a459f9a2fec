from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.awskit.certificates import Certificate, certify
from tests.awskit.island import Island, island


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1", "DNS:localhost")


@pytest.fixture
def account(certificate: Certificate) -> Iterator[Island]:
    with island(certificate) as made:
        yield made


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """AWS in memory, by HTTP: the address."""
    from moto.server import ThreadedMotoServer  # late: a second that most of these tests need not wait

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
