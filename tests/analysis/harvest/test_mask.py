"""Which positions count: special tokens, sinks by position and sinks by norm."""

import numpy as np

from analysis.harvest.mask import MaskCounts, MaskPolicy, batch_mask, kept_mask, reference_norm
from analysis.harvest.token_blocks import TokenBlock, batches


def test_special_tokens_at_every_position_and_first_positions_are_masked() -> None:
    ids = np.array([[7, 5, 0, 6], [0, 8, 8, 1]])
    assert kept_mask(ids, {0, 1}).tolist() == [
        [False, True, False, True],
        [False, True, True, False],
    ]
    assert kept_mask(ids, frozenset(), 2)[:, :2].any() == np.False_
    assert kept_mask(ids, (), 0).all()
    assert kept_mask(ids[0], {6}, 1).tolist() == [False, True, True, False]


def test_each_position_is_left_out_for_one_reason() -> None:
    blocks = [
        TokenBlock(0, 0, np.array([5, 6, 0, 7], np.int32)),
        TokenBlock(1, 0, np.array([0, 6, 6], np.int32)),
    ]
    (batch,) = batches(blocks, 8)
    norms = np.array([[24_000, 141, 24_000, 15_000], [24_000, 130, 150, 99_000]])
    policy = MaskPolicy(special_token_ids=(0, 1))
    kept, counts = batch_mask(batch.token_ids, batch.attention_mask, norms, 141.0, policy)
    assert kept.tolist() == [[False, True, False, False], [False, True, True, False]]
    assert counts == MaskCounts(kept=3, special=2, sink_position=1, sink_norm=1)
    # Padding is counted nowhere.
    assert counts.kept + counts.special + counts.sink_position + counts.sink_norm == 7
    assert MaskCounts() + counts == counts
    assert counts + counts == MaskCounts(kept=6, special=4, sink_position=2, sink_norm=2)
    assert reference_norm(batch.attention_mask, norms) == 15_000  # of the seven text positions


def test_a_norm_at_the_limit_is_kept_and_one_above_is_masked() -> None:
    ids, text = np.full((1, 4), 5), np.ones((1, 4), dtype=np.int64)
    norms = np.array([[1.0, 1.0, 200.0, 200.5]])
    policy = MaskPolicy(special_token_ids=())
    assert batch_mask(ids, text, norms, 2.0, policy)[0].tolist() == [[False, True, True, False]]
    wider = MaskPolicy(special_token_ids=(), sink_positions=2, sink_norm_ratio=101)
    kept, counts = batch_mask(ids, text, norms, 2.0, wider)
    assert kept.tolist() == [[False, False, True, True]]
    assert counts == MaskCounts(kept=2, sink_position=2)


def test_the_reference_norm_leaves_padding_out() -> None:
    norms = np.array([[1.0, 5.0, 90.0], [2.0, 90.0, 90.0]])
    assert reference_norm(np.array([[1, 1, 0], [1, 0, 0]]), norms) == 2.0


def test_mask_policy_survives_a_manifest() -> None:
    policy = MaskPolicy(special_token_ids=(0, 2), sink_positions=1, sink_norm_ratio=50)
    assert MaskPolicy.model_validate_json(policy.model_dump_json()) == policy
