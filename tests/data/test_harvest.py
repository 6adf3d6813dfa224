"""The harvest recipe: layers equal those of transformers, shards resume, sections stay whole."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from analysis.harvest.corpus import Document
from analysis.harvest.mask import MaskPolicy
from analysis.harvest.models import LanguageModel
from analysis.runtime.errors import InputError
from data.recipes import harvest as recipe
from data.recipes.harvest import (
    HarvestPlan,
    SinkRule,
    harvest,
    layer_activations,
    output_points,
    parted_blocks,
    read_shard,
    section_of,
)
from tests.analysis.harvest.tiny_model import WORDS, tiny_language_model

HOOKS = ("blocks.0.hook_resid_post", "blocks.1.hook_resid_post")


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_language_model()


def texts(sections: int, parts: int) -> list[dict[str, str]]:
    generator = np.random.default_rng(1)
    return [
        {
            "title": f"section {s} (part {p + 1} of {parts})",
            "source": "s",
            "text": " ".join(generator.choice(WORDS, 12)),
        }
        for s in range(sections)
        for p in range(parts)
    ]


@pytest.fixture
def plan(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HarvestPlan]:
    corpus = tmp_path / "corpus.parquet"
    pq.write_table(pa.Table.from_pylist(texts(20, 3)), corpus)
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "cache"))
    half = replace(model, model=copy.deepcopy(model.model).bfloat16())
    monkeypatch.setattr(recipe, "load_language_model", lambda *_: half)
    monkeypatch.setattr(recipe, "SHARD_BLOCKS", 5)
    yield HarvestPlan(corpus=corpus, hooks=HOOKS, train_tokens=240, heldout_tokens=60)


def test_layers_equal_the_hidden_states_of_transformers(model: LanguageModel) -> None:
    ids = torch.tensor([[2, 5, 9, 3], [7, 7, 4, 30]])
    with torch.inference_mode():
        states = model.model.model(input_ids=ids, output_hidden_states=True).hidden_states
    first, second = layer_activations(model, output_points(model, HOOKS), ids)
    torch.testing.assert_close(first, states[1])
    # transformers applies the final norm to the last hidden state.
    torch.testing.assert_close(model.model.model.norm(second), states[2])
    # The order is the given one, not that of the depth.
    torch.testing.assert_close(
        layer_activations(model, output_points(model, HOOKS[::-1]), ids)[1], first
    )


def test_an_input_of_a_module_is_refused(model: LanguageModel) -> None:
    with pytest.raises(InputError, match="give outputs"):
        output_points(model, ("blocks.1.hook_resid_pre", HOOKS[0]))


def test_rows_of_all_layers_belong_to_the_same_kept_tokens(
    plan: HarvestPlan, model: LanguageModel
) -> None:
    result = harvest(plan, workers=1)
    assert list(result) == list(HOOKS)
    train, _ = parted_blocks(plan, model.tokenizer)
    points = output_points(model, HOOKS)
    for layer, hook in enumerate(HOOKS):
        expected = []
        for block in train:
            x = layer_activations(model, points, block.token_ids[None].astype(np.int64))[layer][0]
            expected.append(x[1:])  # position 0 is a sink
        stored = torch.cat([read_shard(path).float() for path in result[hook].train])
        wanted = torch.cat(expected)
        assert len(stored) == len(wanted) == result[hook].counts.kept
        distances = torch.cdist(stored, wanted)
        typical = float(wanted.norm(dim=1).median())
        assert float(distances.min(dim=0).values.max()) < 0.05 * typical  # bfloat16
        assert float(distances.min(dim=1).values.max()) < 0.05 * typical
    assert result[HOOKS[0]].counts.sink_position == len(train)


def test_only_missing_shards_are_made_again(
    plan: HarvestPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = harvest(plan, workers=1)
    content = {path: path.read_bytes() for h in before.values() for path in h.train}
    lost = [before[HOOKS[1]].train[0], before[HOOKS[0]].train[2], before[HOOKS[0]].heldout[0]]
    for path in lost:
        path.unlink()
    made = []
    original = recipe.make_shard

    def counted(shard: recipe.Shard, *arguments: object) -> object:
        made.append((shard.part, shard.number))
        return original(shard, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(recipe, "make_shard", counted)
    after = harvest(plan, workers=1)
    assert sorted(made) == [("heldout", 0), ("train", 0), ("train", 2)]
    assert after == before
    assert {path: path.read_bytes() for path in content} == content


def test_an_interrupted_shard_leaves_no_file_under_its_name(
    plan: HarvestPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        harvest(plan, workers=1)
    assert list(plan.folder.glob("*.npy")) == []


def test_stored_blocks_are_those_of_the_corpus(
    plan: HarvestPlan, model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan.folder.mkdir(parents=True)
    recipe.stored_blocks(plan)
    monkeypatch.setattr(recipe, "parted_blocks", None)  # not called again
    for stored, made in zip(
        recipe.stored_blocks(plan), parted_blocks(plan, model.tokenizer), strict=True
    ):
        assert [(b.document, b.start) for b in stored] == [(b.document, b.start) for b in made]
        assert all((a.token_ids == b.token_ids).all() for a, b in zip(stored, made, strict=True))


def test_int8_shards_keep_every_column_to_a_thousandth_of_its_variance(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.01, 1.0, 300.0, 0.0])
    x = (torch.randn(2000, 4, generator=generator) * spread + 5 * spread).bfloat16()
    path = tmp_path / f"shard{recipe.INT8}"
    recipe.write_shard(path, x)
    back = read_shard(path)
    assert back.dtype == torch.bfloat16
    assert recipe.shard_rows(path) == 2000
    error = (back.float() - x.float()).square().mean(dim=0)
    # The mean is five standard deviations from 0 here, so the steps are coarser than usual.
    assert (error <= 1.5e-3 * spread.square()).all()
    recipe.write_shard(tmp_path / "shard.npy", x)
    assert torch.equal(read_shard(tmp_path / "shard.npy"), x)
    assert recipe.shard_rows(tmp_path / "shard.npy") == 2000
    assert path.stat().st_size < 0.6 * (tmp_path / "shard.npy").stat().st_size


def test_int8_and_bfloat16_are_harvested_beside_each_other(plan: HarvestPlan) -> None:
    full = harvest(plan, workers=1)[HOOKS[0]]
    small = harvest(plan.model_copy(update={"stored_as": "int8"}), workers=1)[HOOKS[0]]
    assert {path.parent for path in full.train + small.train} == {plan.folder}
    assert set(full.train).isdisjoint(small.train)
    for a, b in zip(full.train, small.train, strict=True):
        x = read_shard(a).float()
        assert float((read_shard(b).float() - x).abs().max()) < 0.02 * float(x.abs().max())


def test_a_larger_plan_keeps_the_shards_of_a_smaller_one(plan: HarvestPlan) -> None:
    small = harvest(plan, workers=1)[HOOKS[0]]
    large = harvest(plan.model_copy(update={"train_tokens": 480}), workers=1)[HOOKS[0]]
    assert large.train[: len(small.train)] == small.train
    assert len(large.train) > len(small.train)
    assert large.heldout == small.heldout


def test_parts_of_a_section_are_on_one_side(plan: HarvestPlan, model: LanguageModel) -> None:
    train, heldout = parted_blocks(plan, model.tokenizer)
    apart = {block.document // 3 for block in heldout}  # three documents per section
    assert apart.isdisjoint(block.document // 3 for block in train)
    assert sum(map(len, heldout)) >= plan.heldout_tokens
    assert len(train) % 5 == 0
    assert sum(map(len, train)) >= plan.train_tokens


def test_a_corpus_without_enough_text_is_refused(plan: HarvestPlan, model: LanguageModel) -> None:
    with pytest.raises(InputError, match="too few tokens: 9,999 are held out"):
        parted_blocks(plan.model_copy(update={"heldout_tokens": 9999}), model.tokenizer)


def test_the_section_of_a_document_is_its_title_without_the_part() -> None:
    title = "Emma, chapter 3 (part 2 of 11)"
    assert section_of(Document(0, title, "austen", "")) == ("austen", "Emma, chapter 3")
    assert section_of(Document(0, "Emma (part one)", "austen", ""))[1] == "Emma (part one)"


def test_a_sink_at_one_hook_point_is_left_out_at_all() -> None:
    rule = SinkRule(MaskPolicy(special_token_ids=(0,)), (1.0, 10.0))
    ids = np.array([[5, 6, 7, 0]])
    first = torch.tensor([[[1.0], [1.0], [101.0], [1.0]]])
    second = torch.tensor([[[1.0], [999.0], [1.0], [1.0]]])
    kept, counts = rule.kept(ids, np.ones_like(ids), (first, second))
    assert kept.tolist() == [[False, True, False, False]]
    assert (counts.kept, counts.special, counts.sink_position, counts.sink_norm) == (1, 1, 1, 1)
