"""The line on redundancy states its rule, and its button selects the latents."""

from analysis.bundle import Bundle
from analysis.cooccurrence.near_copies import copies_per_token, near_copies
from analysis.selection import Latents
from pages.widgets.redundancy import redundancy_sentence
from tests.pages.conftest import Open, click, texts


def test_the_sentence_has_the_count_its_total_and_the_rule(planted_bundle: Bundle) -> None:
    firing = sum(n > 0 for n in planted_bundle.latents["active_tokens"].to_pylist())
    sentence = redundancy_sentence(planted_bundle, 1)
    assert sentence.startswith(f"Redundancy: 1 of the {firing} latents that fire (")
    assert "a phi of at least 0.8 and at least 10 joint tokens" in sentence
    assert f"N\u00a0=\u00a0{planted_bundle.manifest.tokens:,} tokens. On the " in sentence
    at_once = copies_per_token(planted_bundle)
    assert f"{at_once.tokens:,} tokens where any of them fires" in sentence
    assert sentence.endswith(f"at once on average, and at most {at_once.most}.")


def test_the_button_selects_the_latents(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("overview")
    assert "Redundancy:" in texts(app)
    latents = near_copies(planted_bundle).tolist()
    click(app, f"Select the {len(latents)}")
    assert not app.exception
    assert app.query_params["select"] == str(Latents(tuple(latents)))
