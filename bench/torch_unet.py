#!/usr/bin/env python3
"""Serves single training and sampling steps of diffusers' UNet2DModel, float32 on the CPU.

compare_torch.py starts this and our own bench program as processes that speak the same protocol: a
request per line on standard input, one line of JSON in reply.

    train         one training step: noise, forward, backward, clipping, AdamW, EMA
                  -> {"seconds", "loss", "peak_rss_mib"}
    sample        eps_theta(x, t) for 64 images without a graph -> {"seconds", "peak_rss_mib"}
    load FILE     takes the weights (F32, diffusers names, PyTorch's axis order) -> {"ok": true}
    loss FILE     mean squared error for the tensors x0, eps (N,C,H,W) and t (N), all F32,
                  1 <= t <= 1000 -> {"loss"}
    quit

Only here, so that both sides can start from the same numbers:

    save FILE     writes the weights -> {"ok": true}
    inputs FILE   writes x0, eps and t for `loss` -> {"ok": true}
    about         -> {"torch", "diffusers", "threads"}

What fails is answered with {"error": "..."}.
"""

import argparse
import json
import resource
import sys
import time

# channels, groups, levels with attention, image (C, H, W)
PRESETS = {
    "small": ((16, 32, 64), 8, (False, False, True), (1, 28, 28)),
    "base": ((32, 64, 128), 32, (False, False, True), (1, 28, 28)),
    "imagenet64": ((64, 128, 192, 256), 32, (False, False, True, True), (3, 64, 64)),
}
SAMPLE_BATCH = 64


def reply(**fields):
    print(json.dumps(fields), flush=True)


try:
    import diffusers
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file, save_file
except ImportError as error:
    reply(error=f"{sys.executable} has no {error.name}: pip install torch diffusers safetensors")
    sys.exit(1)


def peak_rss_mib():
    """Peak resident memory; unlike ru_maxrss, VmHWM does not remember the process before exec."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Trainer:
    def __init__(self, options):
        channels, groups, attention, self.image = PRESETS[options.preset]
        self.layout = getattr(torch, options.layout)
        self.batch = options.batch
        torch.manual_seed(1)
        self.model = diffusers.UNet2DModel(
            sample_size=self.image[-1],
            in_channels=self.image[0],
            out_channels=self.image[0],
            layers_per_block=2,
            block_out_channels=channels,
            norm_num_groups=groups,
            attention_head_dim=32,
            down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attention),
            up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in attention[::-1]),
        ).to(memory_format=self.layout)
        self.parameters = list(self.model.parameters())
        self.eps_theta = torch.compile(self.model) if options.compile else self.model
        self.ema = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=2e-4, weight_decay=0.01, fused=True)
        beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
        self.alpha_bar = torch.cumprod(1 - beta, dim=0).float()  # of t = 1..T
        self.x0 = self.images(torch.rand(options.batch, *self.image) * 2 - 1)

    def images(self, x):
        return x.contiguous(memory_format=self.layout)

    def mse(self, x0, eps, t):
        alpha_bar = self.alpha_bar[t - 1].view(-1, 1, 1, 1)
        x_t = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps
        return F.mse_loss(self.eps_theta(x_t, t - 1).sample, eps)  # diffusers counts from 0

    def train(self):
        start = time.perf_counter()
        t = torch.randint(1, 1001, (self.batch,))
        eps = torch.randn_like(self.x0)
        loss = self.mse(self.x0, eps, t)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.ema, self.parameters, 1 - 0.999)
        loss = loss.item()
        reply(seconds=time.perf_counter() - start, loss=loss, peak_rss_mib=peak_rss_mib())

    def sample(self):
        start = time.perf_counter()
        x = self.images(torch.randn(SAMPLE_BATCH, *self.image))
        t = torch.full((SAMPLE_BATCH,), 500)
        with torch.no_grad():
            self.eps_theta(x, t - 1)
        reply(seconds=time.perf_counter() - start, peak_rss_mib=peak_rss_mib())

    def load(self, path):
        self.model.load_state_dict(load_file(path))
        reply(ok=True)

    def save(self, path):
        save_file(
            {name: p.detach().contiguous() for name, p in self.model.named_parameters()}, path
        )
        reply(ok=True)

    def inputs(self, path):
        t = torch.randint(1, 1001, (self.batch,)).float()
        save_file(
            {
                "x0": torch.rand(self.batch, *self.image) * 2 - 1,
                "eps": torch.randn(self.batch, *self.image),
                "t": t,
            },
            path,
        )
        reply(ok=True)

    def loss(self, path):
        given = load_file(path)
        with torch.no_grad():
            loss = self.mse(self.images(given["x0"]), self.images(given["eps"]), given["t"].long())
        reply(loss=loss.item())

    def about(self):
        reply(
            torch=torch.__version__,
            diffusers=diffusers.__version__,
            threads=torch.get_num_threads(),
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", action="store_true", required=True)
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--layout", choices=("contiguous_format", "channels_last"), default="contiguous_format"
    )
    parser.add_argument(
        "--compile", action="store_true", help="run the network through torch.compile"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    trainer = Trainer(options)
    requests = {
        name: getattr(trainer, name)
        for name in ("train", "sample", "load", "loss", "save", "inputs", "about")
    }
    for line in sys.stdin:
        request, *arguments = line.split(maxsplit=1)
        if request == "quit":
            return
        try:
            requests[request](*(argument.strip() for argument in arguments))
        except Exception as error:
            reply(error=f"{request}: {error or type(error).__name__}")


if __name__ == "__main__":
    main()
