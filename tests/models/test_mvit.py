"""Vision transformers: MViT, MViTv2 and ViT, for clips and for images."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from slowfast.ak.errors import UserError
from slowfast.ak.norms.frozen import freeze_below_projection
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import set_value
from slowfast.models import MODEL_REGISTRY, build_model
from slowfast.models.cost import multiply_adds
from tests.models.network_cases import (
    IMAGES,
    MVIT,
    MVITV2,
    REV_MVIT,
    SLOW,
    TINY,
    VIT,
    clips_for,
    network_cfg,
)

ZOO = json.loads((Path(__file__).parents[1] / "reference/zoo_configs.json").read_text())
EACH = pytest.mark.parametrize(
    "family", [MVIT, MVITV2, VIT, REV_MVIT], ids=["mvit", "mvitv2", "vit", "reversible"]
)


def built(*settings) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(network_cfg(TINY, *settings))


@torch.no_grad()
def scores(model, clips):
    return model.eval()(clips)


# Millions of parameters as the papers report them: Fan et al. 2021, Li et al. 2022, Mangalam et
# al. 2022, Wei et al. 2022 (MaskFeat), Feichtenhofer et al. 2022 (MAE).
PUBLISHED_SIZES = {
    "ImageNet/MVIT_B_16_CONV": 37.0,
    "ImageNet/MVITv2_T": 24.2,
    "ImageNet/MVITv2_S": 34.9,
    "ImageNet/MVITv2_B": 51.5,
    "ImageNet/REV_VIT_B": 87,
    "Kinetics/MVIT_B_32x3_CONV": 53.1,
    "Kinetics/MVITv2_B_32x3": 51.2,
    "SSv2/MVITv2_L_40x3": 213.1,
    "masked_ssl/k400_MVITv2_L_16x4_FT": 217.6,
    "masked_ssl/k400_VIT_H_16x4_FT": 632,
}
NAMES = [name for name, recipe in ZOO.items() if recipe.get("MODEL.MODEL_NAME") == "MViT"]


@pytest.mark.parametrize("name", NAMES)
def test_a_published_recipe_has_its_network(name):
    cfg = get_cfg()
    for key, value in ZOO[name].items():
        if key.startswith(("MVIT.", "MODEL.", "DATA.")):
            set_value(cfg, key, value)
    facts = MODEL_REGISTRY.facts("MViT")
    assert not [*facts.problems(cfg), *MODEL_REGISTRY.architecture_problems(cfg)]
    with torch.device("meta"):
        network = MODEL_REGISTRY["MViT"](cfg)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    size = PUBLISHED_SIZES.get(name, millions)
    assert millions == pytest.approx(size, abs=0.51 if isinstance(size, int) else 0.06)


def test_a_recipe_of_a_reversible_network_needs_no_setting_against_its_class_token():
    """Upstream refuses its own REV_MVIT_B_16x4_CONV, in which MVIT.CLS_EMBED_ON is True."""
    cfg = network_cfg(TINY, REV_MVIT, {"MVIT.CLS_EMBED_ON": True})
    assert "cls_token" not in dict(build_model(cfg).named_parameters())
    (warning,) = MODEL_REGISTRY.facts("MViT").warnings(cfg)
    assert warning[0] == "MVIT.CLS_EMBED_ON"


# ------------------------------------------------------------------ input


def test_images_come_with_and_without_a_frame():
    model = built(MVIT, IMAGES)
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(scores(model, [image]), scores(model, [image[:, :, None]]))
    with pytest.raises(UserError, match=r"takes one frame: \(N, C, 1, H, W\) or \(N, C, H, W\)"):
        model([torch.randn(2, 3, 2, 64, 64)])


def test_a_convolutional_network_takes_images_as_clips_of_one_frame():
    model = built(SLOW, {"DATA.NUM_FRAMES": 1})
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(scores(model, [image]), scores(model, [image[:, :, None]]))


@pytest.mark.parametrize("given", [torch.zeros(1, 3, 4, 64, 64), [torch.zeros(1, 1, 4, 64, 64)]])
def test_other_input_is_refused(given):
    with pytest.raises(UserError, match=r"expected a list of 1 pathway\(s\): \(N, 3, T, H, W\)"):
        built(MVIT)(given)


@pytest.mark.parametrize("joint", [False, True], ids=["separate", "joint"])
@pytest.mark.parametrize("family", [MVIT, MVITV2, REV_MVIT], ids=["mvit", "mvitv2", "reversible"])
def test_clips_of_another_size_are_scored_with_interpolated_positions(family, joint):
    """As by a network of that size that loads the weights by upstream's rules."""
    shared = family | {"MVIT.SEP_POS_EMBED": not joint}
    small = built(shared)
    large = built(shared, {"DATA.TRAIN_CROP_SIZE": 96, "DATA.NUM_FRAMES": 8})
    state = small.state_dict()
    for name, wanted in large.state_dict().items():
        table = state[name]
        if table.shape == wanted.shape:
            continue
        if "rel_pos" in name:
            state[name] = F.interpolate(table.T[None], len(wanted), mode="linear")[0].T
        elif name == "pos_embed_temporal":
            state[name] = F.interpolate(table.mT, wanted.shape[1], mode="linear").mT
        elif name == "pos_embed_spatial":
            maps = table.mT.unflatten(2, (16, 16))
            state[name] = F.interpolate(maps, (24, 24), mode="bicubic").flatten(2).mT
        else:
            first, rest = table.split([table.shape[1] - 512, 512], dim=1)
            maps = rest[0].view(2, 16, 16, -1).permute(0, 3, 1, 2)
            maps = F.interpolate(maps, (24, 24), mode="bicubic").flatten(1).T[None]
            rest = F.interpolate(maps, 4, mode="linear")[0].T.unflatten(1, (-1, 24 * 24))
            state[name] = torch.cat([first, rest.mT.flatten(0, 1)[None]], dim=1)
    large.load_state_dict(state)
    clips = [torch.randn(2, 3, 8, 96, 96)]
    torch.testing.assert_close(scores(small, clips), scores(large, clips), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ output


@EACH
def test_vectors_are_what_the_classifier_projects(family):
    model = built(family).eval()
    clips, projected = clips_for(network_cfg(TINY, family)), []
    hook = model.head.projection.register_forward_pre_hook(lambda _, x: projected.append(x[0]))
    with torch.no_grad():
        output = model(clips)
        one, each = model.vectors(clips), model.vectors(clips, each_position=True)
    hook.remove()
    torch.testing.assert_close(output.sum(dim=1), torch.ones(2))
    torch.testing.assert_close(one, projected[0].flatten(1, 3))
    assert each.shape == (2, 2 * 4 * 4, one.shape[2])
    if family is REV_MVIT:  # the mean of all tokens
        torch.testing.assert_close(each.mean(dim=1), one[:, 0])


def test_the_mean_is_normalised_after_it_is_taken():
    model = built(VIT, {"MVIT.USE_MEAN_POOLING": True}).eval()
    tokens = torch.randn(2, 33, 32)
    expected = F.layer_norm(tokens[:, 1:].mean(dim=1), [32], eps=1e-6)
    torch.testing.assert_close(model._pooled(tokens)[:, :, 0, 0, 0], expected)


@EACH
def test_half_precision_scores_are_near_and_evaluate_in_float32(family):
    model = built(family)
    clips = clips_for(network_cfg(TINY, family))
    exact = scores(model, clips)
    with torch.autocast("cpu", torch.bfloat16):
        halved = scores(model, clips)
        model.train()(clips).sum().backward()
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, exact, rtol=0, atol=0.02)
    assert all(p.grad.isfinite().all() for p in model.parameters())


@EACH
def test_memory_layouts_and_copies_give_the_same_scores(family):
    clips = clips_for(network_cfg(TINY, family))
    model = built(family, {"SPEED.CHANNELS_LAST": True, "SPEED.DEPTHWISE": True})
    plain = built(family, {"SPEED.CHANNELS_LAST": False, "SPEED.DEPTHWISE": False})
    expected = scores(plain, clips)
    for other in (model, copy.deepcopy(plain)):
        torch.testing.assert_close(scores(other, clips), expected, rtol=1e-5, atol=1e-6)
        assert other.state_dict().keys() == plain.state_dict().keys()
    gradients = [
        torch.autograd.grad(each.train()(clips).square().sum(), list(each.parameters()))
        for each in (model, plain)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


SHALLOW = {
    "MVIT.DEPTH": 2,
    "MVIT.DIM_MUL": [[1, 2.0]],
    "MVIT.HEAD_MUL": [[1, 2.0]],
    "MVIT.POOL_Q_STRIDE": [[1, 1, 2, 2]],
    "MVIT.REV.BUFFER_LAYERS": [1],
}


@pytest.mark.slow
@pytest.mark.parametrize("family", [MVITV2, REV_MVIT], ids=["mvitv2", "reversible"])
def test_a_network_can_be_exported_for_batches_of_any_size(family):
    model = built(family, SHALLOW).eval()
    clips = clips_for(network_cfg(TINY, family), count=3)
    dynamic = ([{0: torch.export.Dim("batch", min=1)}],)
    with torch.no_grad():
        program = torch.export.export(model, ([clips[0][:2]],), dynamic_shapes=dynamic)
    torch.testing.assert_close(program.module()(clips), scores(model, clips))


@pytest.mark.slow
@pytest.mark.parametrize("family", [MVITV2, REV_MVIT], ids=["mvitv2", "reversible"])
def test_a_network_can_be_compiled(family):
    torch._dynamo.reset()
    model = built(family, SHALLOW).train()
    clips = clips_for(network_cfg(TINY, family))
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(compiled(clips), model(clips))


# ------------------------------------------------------------------ training


def test_only_the_classifier_trains_if_all_else_is_frozen():
    model = built(REV_MVIT)
    freeze_below_projection(model)
    model(clips_for(network_cfg(TINY, REV_MVIT))).sum().backward()
    trained = [name for name, p in model.named_parameters() if p.grad is not None]
    assert trained == ["head.projection.weight", "head.projection.bias"]


def test_initial_weights_are_those_of_the_papers():
    model = built(VIT, {"MVIT.EMBED_DIM": 128, "MVIT.HEAD_INIT_SCALE": 0.5})
    for name, parameter in model.named_parameters():
        if "norm" in name:
            assert (parameter == (1 if name.endswith("weight") else 0)).all(), name
        elif name.endswith("bias") and "patch_embed" not in name:
            assert (parameter == 0).all(), name
        elif "patch_embed" not in name and parameter.numel() > 256:
            std = 0.01 if name == "head.projection.weight" else 0.02
            assert parameter.std().item() == pytest.approx(std, rel=0.1), name
    rows = built(MVITV2, {"MVIT.REL_POS_ZERO_INIT": True}).blocks[0].attn.rel_pos_h
    assert (rows == 0).all()


def test_clips_skip_later_blocks_more_often():
    model = built(MVIT, {"MVIT.DROPPATH_RATE": 0.3})
    rates = [block.drop_path.p for block in model.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3])


def test_fixed_positions_are_not_trained():
    model = built(VIT, {"MVIT.USE_FIXED_SINCOS_POS": True})
    assert not model.pos_embed.requires_grad
    assert (model.pos_embed[:, 0] == 0).all()  # of the class token
    assert model.pos_embed[0, 1:].unique(dim=0).shape == (2 * 4 * 4, 32)


def test_layers_and_weight_decay_of_parameters():
    model = built(MVITV2)
    layers = {name: model.layer_of(name) for name, _ in model.named_parameters()}
    assert (layers["cls_token"], layers["patch_embed.proj.bias"]) == (0, 0)
    assert (layers["blocks.0.norm1.weight"], layers["blocks.3.mlp.fc2.bias"]) == (1, 4)
    assert (layers["norm.weight"], layers["head.projection.weight"], model.depth) == (5, 5, 4)
    assert built(REV_MVIT).layer_of("rev_backbone.layers.2.F.norm.weight") == 3
    tables = {f"blocks.{n}.attn.rel_pos_{axis}" for n in range(4) for axis in "thw"}
    assert model.undecayed() == {"cls_token", *tables}
    assert built(MVIT).undecayed() == {"cls_token", *names_of_positions(MVIT)}
    assert built(MVIT, {"MVIT.ZERO_DECAY_POS_CLS": False}).undecayed() == set()


def names_of_positions(family) -> list[str]:
    return [name for name, _ in built(family).named_parameters() if name.startswith("pos_embed")]


def test_the_cost_of_attention_is_counted():
    """It is a seventh of this network. PyTorch's counter knows it as single products only."""
    cfg = network_cfg(TINY, VIT, {"MVIT.EMBED_DIM": 128, "MVIT.PATCH_KERNEL": [2, 8, 8]})
    cfg.MVIT.PATCH_STRIDE = [2, 8, 8]
    model, counter = build_model(cfg), FlopCounterMode(display=False)
    with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model.eval()(clips_for(cfg, count=1))
    by_torch = counter.get_total_flops() / 2
    assert multiply_adds(model, cfg, crop=64) == pytest.approx(by_torch, rel=0.03)
