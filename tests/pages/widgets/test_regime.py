"""The range of activation of the Latent page comes from the link."""

import numpy as np
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from tests.pages.conftest import Open, click, texts


def test_a_link_with_a_range_names_it(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("latent", latent=8, regime="0,4000")
    assert "Contexts and partners of **activation 0 to 4,000**" in texts(app)
    every = planted_bundle.latents["active_tokens"][8].as_py()
    assert f"{every:,} of {every:,} active tokens" in texts(app)
    assert "Contexts and partners of" not in texts(open_page("latent", latent=8))


def _regime(path: str) -> None:
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from pages.widgets import session  # noqa: PLC0415
    from pages.widgets.page import Page  # noqa: PLC0415
    from pages.widgets.regime import chosen_regime  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    st.session_state[session.chart_key("drawn")] = {"selection": {"brush": {"x": [2, 4]}}}
    page = Page(bundle, session.current(), bundle.latents["max"].is_valid().to_numpy())
    st.markdown(f"{chosen_regime(page, 8)} {session.generation('drawn')}")


def test_a_range_counts_its_tokens_and_ends_with_what_is_drawn(planted_bundle: Bundle) -> None:
    values = planted_bundle.activations.of_latent(8)[1]
    low, high = (float(f"{q:.7g}") for q in np.quantile(values, [0.5, 0.9]))
    inside = int(((values >= np.float32(low)) & (values <= np.float32(high))).sum())
    app = AppTest.from_function(_regime, kwargs={"path": str(planted_bundle.path)})
    app.query_params["regime"] = f"{low:.7g},{high:.7g}"
    app.run()
    assert f": {inside:,} of {len(values):,} active tokens" in texts(app)
    assert app.markdown[-1].value == f"({low}, {high}) 0"
    click(app, "Show all")
    assert "regime" not in app.query_params
    assert app.markdown[-1].value == "None 1"  # the chart is drawn without its brush
