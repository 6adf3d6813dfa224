"""From a request to a bundle that this server offers."""

import pytest
import streamlit as st
from starlette.exceptions import HTTPException
from starlette.requests import Request

from analysis.bundle import Bundle
from pages.server.requested_bundle import requested_bundle


@pytest.fixture(autouse=True)
def _offered(planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    st.cache_data.clear()


def asked(bundle: str, content: str) -> Request:
    return Request({"type": "http", "path_params": {"bundle": bundle, "content": content}})


def test_a_bundle_is_opened_by_its_id(planted_bundle: Bundle) -> None:
    own = planted_bundle.manifest.bundle_id
    opened = requested_bundle(asked(own, planted_bundle.identity))
    assert opened.path == planted_bundle.path


def test_other_files_and_other_bundles_are_refused(planted_bundle: Bundle) -> None:
    own = planted_bundle.manifest.bundle_id
    for bundle, content in ((own, "0" * 16), ("absent", planted_bundle.identity)):
        with pytest.raises(HTTPException) as refused:
            requested_bundle(asked(bundle, content))
        assert refused.value.status_code == 404 and refused.value.detail.endswith(".")


def test_a_path_is_no_id(planted_bundle: Bundle) -> None:
    with pytest.raises(HTTPException):
        requested_bundle(asked(str(planted_bundle.path), planted_bundle.identity))
