"""Names of latents in charts."""

from analysis.bundle import Bundle
from charts.core.names import shown_labels
from charts.core.text import shown_label


def test_every_latent_has_its_label_as_charts_show_it(tiny: Bundle) -> None:
    labels = tiny.latents["label"].to_pylist()
    assert shown_labels(tiny).to_pylist() == [shown_label(label) for label in labels]
