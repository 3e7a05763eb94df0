"""Networks and layers with upstream's arguments are those of the networks here."""

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.models import build_model
from slowfast.models.batchnorm_helper import NaiveSyncBatchNorm3d, SubBatchNorm3d, get_norm
from slowfast.models.common import DropPath, Mlp, Permute, drop_path
from slowfast.models.head_helper import ResNetBasicHead, X3DHead
from slowfast.models.nonlocal_helper import Nonlocal
from slowfast.models.operators import SE, Swish
from slowfast.models.ptv_model_builder import get_head_act
from slowfast.models.resnet_helper import ResBlock, ResStage, get_trans_func
from slowfast.models.stem_helper import VideoModelStem, get_stem_func
from slowfast.models.utils import round_width, validate_checkpoint_wrapper_import
from slowfast.models.video_model_builder import (
    _MODEL_STAGE_DEPTH,
    _POOL1,
    _TEMPORAL_KERNEL_BASIS,
    X3D,
    FuseFastToSlow,
    ResNet,
    SlowFast,
)
from slowfast.utils.weight_init_helper import init_weights


class OwnSlowFast(nn.Module):
    """SlowFast of ResNet-18, written with upstream's layers as users write their networks."""

    def __init__(self, cfg):
        super().__init__()
        norm, width, fast = get_norm(cfg), 4, 2
        depths, kernels = _MODEL_STAGE_DEPTH[18], _TEMPORAL_KERNEL_BASIS["slowfast"]
        self.s1 = VideoModelStem(
            dim_in=cfg.DATA.INPUT_CHANNEL_NUM,
            dim_out=[width, fast],
            kernel=[[*kernels[0][0], 7, 7], [*kernels[0][1], 7, 7]],
            stride=[[1, 2, 2]] * 2,
            padding=[[kernels[0][0][0] // 2, 3, 3], [kernels[0][1][0] // 2, 3, 3]],
            norm_module=norm,
        )
        ratio, alpha = cfg.SLOWFAST.FUSION_CONV_CHANNEL_RATIO, cfg.SLOWFAST.ALPHA
        kernel = cfg.SLOWFAST.FUSION_KERNEL_SZ
        self.s1_fuse = FuseFastToSlow(fast, ratio, kernel, alpha, norm_module=norm)
        before, slow = [width + ratio * fast, fast], width * 4
        for number, blocks in enumerate(depths, start=2):
            own = slow * 2 ** (number - 2), fast * 4 * 2 ** (number - 2)
            stage = ResStage(
                dim_in=before,
                dim_out=list(own),
                stride=[1 if number == 2 else 2] * 2,
                temp_kernel_sizes=kernels[number - 1],
                num_blocks=[blocks] * 2,
                dim_inner=[own[0] // 4, own[1] // 4],
                num_groups=[1, 1],
                num_block_temp_kernel=[blocks] * 2,
                nonlocal_inds=[[], []],
                nonlocal_group=[1, 1],
                nonlocal_pool=[[1, 2, 2]] * 2,
                dilation=[1, 1],
                trans_func_name=cfg.RESNET.TRANS_FUNC,
                norm_module=norm,
            )
            setattr(self, f"s{number}", stage)
            before = [own[0] + ratio * own[1], own[1]]
            if number < 5:
                fuse = FuseFastToSlow(own[1], ratio, kernel, alpha, norm_module=norm)
                setattr(self, f"s{number}_fuse", fuse)
        self.head = ResNetBasicHead(
            dim_in=list(own),
            num_classes=cfg.MODEL.NUM_CLASSES,
            pool_size=[[1, 1, 1], [4, 1, 1]],
            act_func="sigmoid",
        )
        init_weights(self, 0.01, zero_init_final_bn=False)

    def forward(self, x):
        for part in self.children():
            x = part(x)
        return x


def test_a_network_of_upstreams_layers(small):
    small.MODEL.DROPOUT_RATE = 0.0
    own, built = OwnSlowFast(small), SlowFast(small)
    state = built.state_dict()
    assert list(own.state_dict()) == list(state)
    own.load_state_dict(state)
    clips = [torch.randn(2, 3, 1, 32, 32), torch.randn(2, 3, 4, 32, 32)]
    torch.testing.assert_close(own(clips), built(clips))
    torch.testing.assert_close(own.eval()(clips), built.eval()(clips))


def test_networks_are_classes(small):
    class Mine(SlowFast):
        def __init__(self, cfg):
            super().__init__(cfg)
            self.more = nn.Linear(1, 1)

        def forward(self, x, bboxes=None):
            return super().forward(x, bboxes) + self.more.weight

    torch.manual_seed(0)
    one = SlowFast(small)
    torch.manual_seed(0)
    torch.testing.assert_close(one.state_dict(), build_model(small).state_dict(), rtol=0, atol=0)
    clips = [torch.randn(1, 3, 1, 32, 32), torch.randn(1, 3, 4, 32, 32)]
    mine = Mine(small).eval()
    mine.load_state_dict(one.state_dict(), strict=False)
    torch.testing.assert_close(mine(clips), one.eval()(clips) + mine.more.weight)
    mine.head = ResNetBasicHead([mine.head.projection.in_features - 64, 64], 7, [None, None])
    assert mine(clips).shape == (1, 7)
    with pytest.raises(UserError, match="received boxes"):
        one(clips, bboxes=torch.zeros(1, 5))
    small.merge_from_list(["DATA.INPUT_CHANNEL_NUM", [3], "MODEL.ARCH", "i3d"])
    assert ResNet(small).eval()([clips[1]]).shape == (1, 5)
    assert _POOL1["i3d"] == [[2, 1, 1]]
    small.merge_from_list(["MODEL.ARCH", "x3d", "RESNET.TRANS_FUNC", "x3d_transform"])
    small.merge_from_list(["X3D.DIM_C1", 4, "X3D.DIM_C5", 16, "X3D.WIDTH_FACTOR", 1.0])
    assert X3D(small).eval()([clips[1]], None).shape == (1, 5)


def test_blocks_stems_and_heads():
    x = torch.randn(2, 8, 4, 8, 8)
    for name in ("basic_transform", "bottleneck_transform", "x3d_transform"):
        block = ResBlock(8, 16, 3, 2, get_trans_func(name), dim_inner=8, dilation=1)
        assert block(x).shape == (2, 16, 4, 4, 4)
        assert isinstance(block.final_conv, nn.Conv3d)
        init_weights(block, zero_init_final_bn=True, zero_init_final_conv=True)
        assert not block.final_norm.weight.any()
        assert not block.final_conv.weight.any()
    plain = get_trans_func("x3d_transform")(8, 16, 3, 1, 8, 8, se_ratio=0, swish_inner=False)
    assert [name for name, _ in plain.named_children()][5:] == ["b_relu", "c", "c_bn"]

    class Branch(nn.Module):
        """A user's residual branch, which marks its last norm as upstream does."""

        def __init__(self, dim_in, dim_out, kernel, stride, inner, groups, **settings):
            super().__init__()
            self.norm = settings["norm_module"](dim_out)
            self.norm.transform_final_bn = True
            self.conv = nn.Conv3d(dim_in, dim_out, 1, (1, stride, stride))

        def forward(self, x):
            return self.norm(self.conv(x))

    own = ResBlock(8, 16, 3, 2, Branch, dim_inner=8)
    assert own.final_norm is own.branch2.norm
    assert own(x).shape == (2, 16, 4, 4, 4)
    with pytest.raises(UserError, match="found 'basic'"):
        get_trans_func("basic")

    stem = get_stem_func("x3d_stem")(3, 8, [5, 3, 3], [1, 2, 2], [2, 1, 1])
    assert stem(torch.randn(1, 3, 4, 16, 16)).shape == (1, 8, 4, 8, 8)
    assert [name for name, _ in stem.named_children()] == ["conv_xy", "conv", "bn", "relu"]
    head = X3DHead(8, 16, 12, 5, [4, 8, 8], act_func="sigmoid", bn_lin5_on=True).eval()
    assert head([x]).shape == (2, 5)
    whole = ResNetBasicHead([8], 5, [None], detach_final_fc=True)
    x.requires_grad_()
    whole([x]).sum().backward()
    assert x.grad is None
    assert whole.projection.weight.grad.any()


def test_small_layers():
    x = torch.randn(2, 8, 4, 6, 6)
    attention = Nonlocal(8, 4, [1, 2, 2], "dot_product")
    torch.testing.assert_close(attention(x), x)  # its last norm starts at 0
    assert not Nonlocal(8, 4, zero_init_final_conv=True).conv_out.weight.any()
    assert SE(8, 0.5)(x).shape == SE(8, 0.5, relu_act=False)(x).shape == x.shape
    assert torch.equal(Swish()(x), x * torch.sigmoid(x))
    assert torch.equal(drop_path(x, 0.5, training=False), x)
    kept = DropPath(0.5).train()(torch.ones(100, 1))
    assert set(kept.flatten().tolist()) == {0.0, 2.0}
    assert Mlp(8, 4, 2)(torch.zeros(3, 8)).shape == (3, 2)
    assert Permute([0, 2, 1])(torch.zeros(1, 2, 3)).shape == (1, 3, 2)
    assert isinstance(NaiveSyncBatchNorm3d(num_sync_devices=1, num_features=8), nn.BatchNorm3d)
    assert SubBatchNorm3d(num_splits=2, num_features=8)(x).shape == x.shape
    assert get_head_act("softmax")(torch.zeros(1, 4)).tolist() == [[0.25] * 4]
    assert get_head_act("sigmoid")(torch.zeros(1)).item() == 0.5
    assert round_width(24, 2.0, 8, 8) == 48
    assert round_width(24, 0) == 24
    assert round_width(3, 1.0, min_width=16, divisor=8) == 16
    with pytest.raises(ImportError, match="fairscale"):
        validate_checkpoint_wrapper_import(None)


def test_fixed_positions_have_a_row_for_the_class_token():
    from slowfast.models.transformer.positions import sines
    from slowfast.models.utils import get_3d_sincos_pos_embed

    table = get_3d_sincos_pos_embed(16, 3, 1, cls_token=True)
    assert table.shape == (10, 16)
    assert not table[0].any()
    torch.testing.assert_close(torch.from_numpy(table[1:]), sines(16, (1, 3, 3))[0])
