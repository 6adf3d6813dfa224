"""What a probe of a layer records."""

import pytest
import torch

from analysis.harvest.probing import by_token, main_input, main_output, probe_ids, probe_layer, run
from analysis.runtime.errors import InputError
from tests.analysis.harvest.more_families import VOCABULARY, D, opened


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 11, 8), (3, 11, 8)),
        ((33, 8), (3, 11, 8)),
        ((3, 11, 2, 4), (3, 11, 8)),
        ((4, 3, 11, 8), None),
        ((3, 8), None),
        ((11, 3, 8), None),
        ((3, 11), None),
    ],
)
def test_only_one_vector_per_token_is_read(
    shape: tuple[int, ...], expected: tuple[int, ...] | None
) -> None:
    read = by_token(torch.ones(shape), 3, 11)
    assert (None if read is None else tuple(read.shape)) == expected
    assert by_token(torch.ones(shape).long(), 3, 11) is None


def test_hidden_states_are_found_among_arguments_and_results() -> None:
    x, other = torch.ones(2), torch.zeros(2)
    assert main_input((x, other), {}) is x
    assert main_input((), {"mask": other, "hidden_states": x}) is x
    assert main_input((None,), {"a": None, "x": x}) is x
    assert main_input((), {}) is None
    assert main_output((x, other)) is x
    assert main_output({"first": x}) is x
    assert main_output(x) is x


def test_probes_have_no_special_tokens_and_are_repeatable() -> None:
    ids = probe_ids(opened("llama").model, frozenset(range(40)), 11, 30)
    assert ids.shape == (30, 11)
    assert (ids.min(), ids.max()) == (40, VOCABULARY - 1)
    assert torch.equal(ids, probe_ids(opened("llama").model, frozenset(range(40)), 11, 30))


def test_a_layer_is_seen_in_order_and_attention_mixes_tokens() -> None:
    model = opened("llama").model
    ids = probe_ids(model, frozenset(), 11, 3)
    layer = model.model.layers[1]
    probe = probe_layer(model, layer, ids, "tiny")
    assert (probe.seen[0].path, probe.seen[-1].path) == ("", "")
    steps = [one.step for one in probe.seen]
    assert steps == sorted(set(steps))
    mixes = {(one.path, one.side): one.mixes for one in probe.seen}
    assert not mixes["self_attn.q_proj", "output"]
    assert mixes["self_attn", "output"]
    assert mixes["mlp", "output"]  # through the stream
    assert "self_attn.o_proj" in probe.matrices
    assert "input_layernorm" not in probe.matrices
    before = probe.at("", "input")
    assert before is not None
    assert before.value.shape == (3, 11, D)
    # The model has no hook left.
    assert not layer._forward_pre_hooks
    assert not layer.mlp._forward_hooks


def test_a_pass_that_fails_is_one_sentence() -> None:
    model = opened("gpt2").model
    with pytest.raises(InputError, match="tiny cannot read 2000 tokens"):
        run(model, torch.zeros((1, 2000), dtype=torch.long), "tiny")
