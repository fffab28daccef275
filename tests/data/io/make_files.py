#!/usr/bin/env python3
"""Writes the files that tests/test_io_*.cpp read: pictures, a small MNIST, a file of every dtype.

The pictures come from Pillow; expected.safetensors holds what they show (transparent pixels over
white) and how PyTorch resamples the middle of photo.png. Needs numpy, Pillow, torch, safetensors.

    python make_files.py    # writes the files beside the script
"""

import gzip
import pathlib
import struct

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
generator = np.random.default_rng(7)


def waves(height, width, channels):
    """A smooth picture of bytes (height, width, channels): what JPEG was made for."""
    y, x, c = np.meshgrid(*map(np.arange, (height, width, channels)), indexing="ij")
    return (128 + 100 * np.sin(0.35 * x + c) * np.cos(0.28 * y - c)).astype(np.uint8)


def over_white(picture):
    """What an RGBA picture shows on white paper."""
    rgba = np.asarray(picture.convert("RGBA")).astype(np.float64)
    opacity = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * opacity + 255 * (1 - opacity))


def write_pngs():
    noise = generator.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    two = Image.fromarray(noise[..., 0] > 99)
    palette = Image.fromarray(noise[..., :3]).quantize(6)
    pictures = {
        "grey": Image.fromarray(noise[..., 0]),
        "rgb": Image.fromarray(noise[..., :3]),
        "rgba": Image.fromarray(noise, "RGBA"),
        "grey_alpha": Image.fromarray(noise[..., :2], "LA"),
        "two_colours": two,
        "palette": palette,
    }
    expected = {}
    for name, picture in pictures.items():
        picture.save(HERE / f"{name}.png")
        expected[f"{name}.png"] = over_white(picture)
    palette.save(HERE / "palette_clear.png", transparency=2)
    expected["palette_clear.png"] = over_white(Image.open(HERE / "palette_clear.png"))
    deep = noise[..., 0].astype(np.uint16) * 256 + noise[..., 1]
    Image.fromarray(deep).save(HERE / "sixteen_bits.png")
    expected["sixteen_bits.png"] = np.repeat(noise[..., :1], 3, axis=2).astype(np.float64)
    return expected


def write_jpegs():
    options = {
        "grey": {},
        "rgb": {"subsampling": 0},
        "progressive": {"subsampling": 0, "progressive": True},
        "restart": {"subsampling": 0, "restart_marker_blocks": 1},
    }
    expected = {}
    for name, option in options.items():
        picture = waves(19, 26, 1)[..., 0] if name == "grey" else waves(19, 26, 3)
        Image.fromarray(picture).save(HERE / f"{name}.jpg", quality=95, **option)
        shown = Image.open(HERE / f"{name}.jpg").convert("RGB")
        expected[f"{name}.jpg"] = np.asarray(shown).astype(np.float64)
    return expected


def write_photo():
    """Wide, odd and even: the middle square is columns 4 to 20 of 25."""
    photo = generator.integers(0, 256, (17, 25, 3), dtype=np.uint8)
    Image.fromarray(photo).save(HERE / "photo.png")
    square = torch.from_numpy(photo[:, 4:21]).double().permute(2, 0, 1)[None]
    expected = {}
    for size in (1, 4, 9, 17, 40):
        resized = torch.nn.functional.interpolate(
            square, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
        expected[f"photo {size}"] = resized[0].permute(1, 2, 0).numpy()
    return expected


def write_mnist():
    """Five images of 4 x 3 pixels, byte k of all being (7 k + 3) % 256; label i is 9 - i."""
    pixels = bytes((7 * k + 3) % 256 for k in range(5 * 4 * 3))
    labels = bytes(9 - i for i in range(5))
    for name, content in {
        "images-idx3": struct.pack(">IIII", 0x803, 5, 4, 3) + pixels,
        "labels-idx1": struct.pack(">II", 0x801, 5) + labels,
    }.items():
        packed = gzip.compress(content, mtime=0)
        (HERE / f"train-{name}-ubyte.gz").write_bytes(packed)


def write_dtypes():
    numbers = [0.0, -0.0, 1.0, -1.5, 65504.0, 2.0**-14, 2.0**-24, 1023 * 2.0**-24]
    numbers += [float("inf"), float("-inf"), float("nan"), 1 / 3]
    floats = {
        "f64": torch.tensor(numbers, dtype=torch.float64),
        "f32": torch.tensor(numbers, dtype=torch.float32),
        "f16": torch.tensor(numbers, dtype=torch.float16),
        "bf16": torch.tensor(numbers, dtype=torch.bfloat16),
    }
    tensors = floats | {
        "i64": torch.tensor([[0, 1, -1], [2**24, -(2**24), 2**40]]),
        "u8": torch.tensor([0, 1, 127, 128, 255], dtype=torch.uint8),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
    }
    # What the two 16-bit formats made of the numbers.
    tensors |= {f"{name} as f64": floats[name].double() for name in ("f16", "bf16")}
    save_file(tensors, HERE / "dtypes.safetensors", metadata={"note": 'ünï "quoted"\n'})


def main():
    expected = write_pngs() | write_jpegs() | write_photo()
    expected = {name: torch.tensor(np.ascontiguousarray(x)) for name, x in expected.items()}
    save_file({name: x.float() for name, x in expected.items()}, HERE / "expected.safetensors")
    write_mnist()
    write_dtypes()


if __name__ == "__main__":
    main()
