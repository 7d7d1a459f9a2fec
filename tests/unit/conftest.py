"""For all unit tests."""

import gc


def pytest_collection_finish() -> None:
    # Five thousand tests that are there for good need not be looked through at each collection.
    gc.freeze()
