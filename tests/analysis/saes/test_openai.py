"""OpenAI's autoencoders."""

from pathlib import Path

import pytest

from tests.analysis.saes.cases import Case, changed
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestOpenai(FormatTests):
    formats = ("openai",)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (changed("openai_topk", given={"activation": "Softplus"}), "activation is 'Softplus'"),
        (changed("openai_topk", given={}), "activation is 'None'"),
        (
            changed(
                "openai_topk",
                given={
                    "activation": "TopK",
                    "activation_state_dict": {"k": 5, "postact_fn": "Identity"},
                },
            ),
            "postact_fn Identity",
        ),
        (changed("openai_topk", given={"activation": "TopK"}), "needs k between 1 and 30"),
    ],
)
def test_an_unknown_activation_is_refused(case: Case, message: str, tmp_path: Path) -> None:
    assert message in refusal(case, tmp_path)


def test_only_topk_normalises(tmp_path: Path) -> None:
    assert opened("openai_topk", tmp_path / "topk").normalisation == "layer_norm"
    assert opened("openai_relu_tied", tmp_path / "relu").normalisation == "none"
