"""Values and gradients of single layers."""

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding, get_timestep_embedding
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D

from unet import sinusoidal


def linear(ref):
    for case, rows, c_in, c_out in (("rows", (5,), 7, 3), ("tokens", (2, 49), 17, 33)):
        leaves = {
            "x": ref.normal(*rows, c_in),
            "weight": ref.normal(c_out, c_in),
            "bias": ref.normal(c_out),
        }
        ref.differentiate(case, lambda v: F.linear(v["x"], v["weight"], v["bias"]), leaves)


def conv2d(ref):
    kinds = {  # kernel, stride, padding
        "3x3": (3, 1, 1),
        "3x3_stride2": (3, 2, 1),
        "1x1": (1, 1, 0),
    }
    for kind, (kernel, stride, padding) in kinds.items():
        for n, c_in, c_out, h, w in ((2, 3, 5, 7, 7), (1, 17, 33, 5, 6), (2, 4, 8, 1, 4)):
            leaves = {
                "x": ref.normal(n, c_in, h, w),
                "weight": ref.normal(c_out, c_in, kernel, kernel),
                "bias": ref.normal(c_out),
            }
            ref.differentiate(
                f"{kind}.{c_in}to{c_out}_{h}x{w}",
                lambda v: F.conv2d(v["x"], v["weight"], v["bias"], stride=stride, padding=padding),
                leaves,
            )


GROUP_NORM_CASES = {  # n, channels, h, w, groups, eps, mean of x
    "c12_g3": (2, 12, 7, 7, 3, 1e-5, 0.0),
    "c10_g5": (3, 10, 5, 6, 5, 1e-6, 0.5),
    "c7_g7": (2, 7, 4, 4, 7, 1e-5, 0.0),
    "c17_g1": (1, 17, 3, 3, 1, 1e-5, 0.0),
    "mean1000": (2, 8, 5, 5, 2, 1e-5, 1000.0),
}


def group_norm(ref, activation=lambda y: y):
    for case, (n, c, h, w, groups, eps, mean) in GROUP_NORM_CASES.items():
        leaves = {
            "x": ref.normal(n, c, h, w, mean=mean),
            "weight": ref.normal(c, scale=0.3, mean=1.0),
            "bias": ref.normal(c, scale=0.3),
        }
        ref.differentiate(
            case,
            lambda v: activation(F.group_norm(v["x"], groups, v["weight"], v["bias"], eps)),
            leaves,
            {"groups": groups, "eps": eps},
        )


def group_norm_silu(ref):
    group_norm(ref, F.silu)


def silu(ref):
    x = torch.cat([torch.linspace(-40, 40, 81, dtype=torch.float64), ref.normal(50, scale=3.0)])
    ref.differentiate("", lambda v: F.silu(v["x"]), {"x": x})


def softmax(ref):
    for case, shape, scale in (
        ("rows", (5, 7), 1.0),
        ("wide", (2, 3, 49), 3.0),
        ("large", (4, 33), 30.0),
    ):
        leaves = {"x": ref.normal(*shape, scale=scale)}
        ref.differentiate(case, lambda v: F.softmax(v["x"], dim=-1), leaves)


def mse(ref):
    target = ref.normal(3, 2, 5, 6)
    leaves = {"x": ref.normal(3, 2, 5, 6)}
    ref.differentiate("", lambda v: F.mse_loss(v["x"], target), leaves, {"target": target})


def attention(ref):
    for case, n, heads, tokens, head_dim in (("sdpa_t49", 2, 2, 49, 8), ("sdpa_t33", 1, 3, 33, 5)):
        leaves = {name: ref.normal(n, heads, tokens, head_dim) for name in "qkv"}
        ref.differentiate(
            case, lambda v: F.scaled_dot_product_attention(v["q"], v["k"], v["v"]), leaves
        )
    for case, c, heads, groups, h, w in (
        ("block_7x7", 16, 2, 4, 7, 7),
        ("block_5x6", 15, 3, 5, 5, 6),
    ):
        block = Attention(
            c,
            heads=heads,
            dim_head=c // heads,
            norm_num_groups=groups,
            eps=1e-5,
            bias=True,
            upcast_softmax=True,
            residual_connection=True,
            _from_deprecated_attn_block=True,
        )
        ref.differentiate_module(case, block, {"x": ref.normal(2, c, h, w)})
        ref.put(case, {"heads": heads, "groups": groups, "eps": 1e-5})


def embedding(ref):
    indices = torch.tensor([2, 0, 9, 2, 2, 5])
    leaves = {"weight": ref.normal(10, 7)}
    ref.differentiate("", lambda v: F.embedding(indices, v["weight"]), leaves, {"indices": indices})


def time_embedding(ref):
    t = torch.tensor([0, 1, 2, 3, 10, 250, 977, 999, 1000])
    for dim in (4, 16, 32, 64):
        theirs = get_timestep_embedding(t, dim, flip_sin_to_cos=True, downscale_freq_shift=0)
        y = sinusoidal(t, dim)
        assert (y - theirs).abs().max() < 1e-4  # theirs rounds the angle, up to 1000, to float32
        ref.put(f"sinusoidal{dim}", {"t": t, "y": y, "y_float32": theirs})
    ref.differentiate_module("mlp", TimestepEmbedding(8, 32), {"x": ref.normal(3, 8)})


def upsample(ref):
    leaves = {"x": ref.normal(2, 3, 5, 6)}
    ref.differentiate(
        "nearest", lambda v: F.interpolate(v["x"], scale_factor=2.0, mode="nearest"), leaves
    )
    block = Upsample2D(5, use_conv=True, out_channels=5)
    ref.differentiate_module("block", block, {"x": ref.normal(2, 5, 3, 4)})


def downsample(ref):
    for case, h, w in (("block_8x6", 8, 6), ("block_7x5", 7, 5)):
        block = Downsample2D(5, use_conv=True, out_channels=5, padding=1, name="op")
        ref.differentiate_module(case, block, {"x": ref.normal(2, 5, h, w)})


def resnet_block(ref):
    for case, c_in, c_out in (("same", 8, 8), ("wider", 12, 20), ("narrower", 20, 8)):
        block = ResnetBlock2D(
            in_channels=c_in,
            out_channels=c_out,
            temb_channels=10,
            groups=4,
            eps=1e-5,
            non_linearity="silu",
        )
        inputs = {"x": ref.normal(2, c_in, 7, 5), "temb": ref.normal(2, 10)}
        ref.differentiate_module(case, block, inputs)
        ref.put(case, {"groups": 4, "eps": 1e-5})
