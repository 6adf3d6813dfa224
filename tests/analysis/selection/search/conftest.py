"""A cache folder of the tests' own."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARWATER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
