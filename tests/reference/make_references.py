#!/usr/bin/env python3
"""Writes the PyTorch values that the tests compare with (see README.md beside this script).

Everything is computed in float64 on one CPU thread from fixed seeds, in PyTorch's axis order, and
stored as F64, indices and times included. In every file the gradient of the tensor NAME, given the
upstream gradient `dy` of the output `y`, is the tensor `d` + NAME.

    python make_references.py              # writes the files beside the script
    python make_references.py --out DIR    # writes them elsewhere
    python make_references.py --check      # recomputes and compares with the files there
"""

import argparse
import math
import pathlib
import sys

import diffusers
import torch
from safetensors.torch import load_file, save_file
from torch.nn.attention import SDPBackend, sdpa_kernel

import diffusion
import layers
import optimizer
import unet
from reference import Reference

# One line, since the order of several metadata entries differs from run to run.
MADE_BY = (
    "made by tests/reference/make_references.py with "
    f"torch {torch.__version__}, diffusers {diffusers.__version__}"
)

FILES = {  # the function that fills the file, and what the file says of itself
    "linear": (layers.linear, "torch.nn.functional.linear"),
    "conv2d": (layers.conv2d, "torch.nn.functional.conv2d, weight (O,I,KH,KW)"),
    "group_norm": (layers.group_norm, "torch.nn.functional.group_norm"),
    "silu": (layers.silu, "torch.nn.functional.silu"),
    "group_norm_silu": (layers.group_norm_silu, "silu(group_norm(x))"),
    "softmax": (layers.softmax, "torch.nn.functional.softmax over the last axis"),
    "mse": (layers.mse, "torch.nn.functional.mse_loss, mean over all elements"),
    "attention": (
        layers.attention,
        "scaled_dot_product_attention (N,heads,T,D); diffusers Attention block (N,C,H,W)",
    ),
    "embedding": (layers.embedding, "torch.nn.functional.embedding"),
    "time_embedding": (
        layers.time_embedding,
        "diffusers get_timestep_embedding (cos, sin; shift 0) and TimestepEmbedding",
    ),
    "upsample": (
        layers.upsample,
        "nearest interpolation by 2; diffusers Upsample2D with convolution",
    ),
    "downsample": (layers.downsample, "diffusers Downsample2D with convolution, padding 1"),
    "resnet_block": (layers.resnet_block, "diffusers ResnetBlock2D with time embedding"),
    "unet": (
        unet.unet,
        "diffusers UNet2DModel, channels 4 8 12, 2 groups, 2 layers, attention at the last level",
    ),
    "unet_wide": (
        unet.unet_wide,
        "diffusers UNet2DModel, channels 16 16, 8 groups, 1 layer, attention at the last level",
    ),
    "unet_class": (
        unet.unet_class,
        "diffusers UNet2DModel, channels 8 12, 4 groups, 1 layer, attention at the first level, "
        "10 classes",
    ),
    "adamw": (
        optimizer.adamw,
        "torch.optim.AdamW, diffusers EMAModel, torch.nn.utils.clip_grad_norm_",
    ),
    "training": (unet.training, "five training steps of the UNet of unet.safetensors"),
    "ddpm": (diffusion.ddpm, "diffusers DDPMScheduler, linear betas; t = 1..T here is t - 1 there"),
    "ddim": (
        diffusion.ddim,
        "diffusers DDIMScheduler, ten of 1000 steps; t = 1..T here is t - 1 there",
    ),
}


def make(name):
    ref = Reference(name)
    FILES[name][0](ref)
    return ref


def difference(ref, path):
    """The largest |new - stored| relative to the largest |stored| of a tensor, and its name."""
    stored = load_file(path)
    if stored.keys() != ref.tensors.keys():
        return math.inf, f"tensors {sorted(stored.keys() ^ ref.tensors.keys())[:3]}"
    worst = (0.0, "")
    for name, new in ref.tensors.items():
        old = stored[name]
        # Some gradients are zero in exact arithmetic, and what is stored of them is rounding.
        scale = max(old.abs().max().item(), 1e-3)
        error = (new - old).abs().max().item() / scale if new.shape == old.shape else math.inf
        worst = max(worst, (error, name))
    return worst


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path(__file__).parent, help="folder to write to"
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the files in the folder, write nothing"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    failed = False
    for name in FILES:
        with sdpa_kernel(SDPBackend.MATH):
            ref = make(name)
        path = options.out / f"{name}.safetensors"
        if options.check:
            error, where = difference(ref, path)
            failed |= error > 1e-11
            print(f"{name:16} {'FAILED' if error > 1e-11 else 'ok'}  {error:.1e}  {where}")
            continue
        save_file(ref.tensors, path, {"about": f"{FILES[name][1]}; {MADE_BY}"})
        print(f"{path.name:30} {len(ref.tensors):5} tensors {path.stat().st_size:9,} bytes")
    parameter_names = options.out / "unet_names.txt"
    if options.check:
        stored, new = parameter_names.read_text(), unet.parameter_names()
        failed |= stored.splitlines()[1:] != new.splitlines()[1:]
    else:
        parameter_names.write_text(unet.parameter_names())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
