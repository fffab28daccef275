#!/usr/bin/env python3
"""Serves single training and sampling steps of diffusers' UNet2DModel, on the CPU or a GPU.

compare_torch.py starts this and our own bench program as processes that speak the same protocol: a
request per line on standard input, one line of JSON in reply. Only PyTorch's side knows `model`:
importing it takes longer than a table, so a process builds one model after the other.

    model PRESET BATCH PRECISION LAYOUT eager|compile
                  what the requests that follow are about -> {"ok": true}
    train         one training step: noise, forward, backward, clipping, AdamW, EMA
                  -> {"seconds", "loss", "peak_mib"}
    sample        eps_theta(x, t) for 64 images without a graph -> {"seconds", "peak_mib"}
    ddim          64 images by DDIM in 50 steps -> {"seconds", "peak_mib"}
    conv N SIZE C_IN C_OUT KERNEL
                  one convolution with bias -> {"forward", "data", "weight"}, seconds of a call
    load FILE     takes the weights (F32, diffusers names, PyTorch's axis order) -> {"ok": true}
    loss FILE     mean squared error for the tensors x0, eps (N,C,H,W) and t (N), all F32,
                  1 <= t <= 1000 -> {"loss"}
    quit

Only here, so that both sides can start from the same numbers:

    save FILE     writes the weights -> {"ok": true}
    inputs FILE   writes x0, eps and t for `loss` -> {"ok": true}
    about         -> {"torch", "diffusers", "threads", "gpu", "cudnn"}

Memory is what was taken of the GPU, or resident. What fails is answered with {"error": "..."}.
"""

import argparse
import contextlib
import gc
import json
import resource
import statistics
import sys
import time

# channels, groups, levels with attention, image (C, H, W)
PRESETS = {
    "small": ((16, 32, 64), 8, (False, False, True), (1, 28, 28)),
    "base": ((32, 64, 128), 32, (False, False, True), (1, 28, 28)),
    "imagenet64": ((64, 128, 192, 256), 32, (False, False, True, True), (3, 64, 64)),
}
SAMPLE_BATCH = 64
DDIM_STEPS = 50
CONV_RUNS, CONV_CALLS = 7, 20  # the median of runs of so many calls


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


def set_precision(device, precision):
    """exact: float32; tf32: products of float32 on tensor cores; bf16: autocast."""
    fast = precision != "exact"
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = fast
        torch.backends.cudnn.allow_tf32 = fast
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high" if fast else "highest")


class Trainer:
    def __init__(self, preset, batch, precision, layout, compiled, device):
        channels, groups, attention, self.image = PRESETS[preset]
        self.layout = getattr(torch, layout)
        self.device = torch.device(device)
        self.bf16 = precision == "bf16"
        set_precision(device, precision)
        self.batch = batch
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
        ).to(self.device, memory_format=self.layout)
        self.parameters = list(self.model.parameters())
        # On a GPU, the mode that tries kernels and captures CUDA graphs.
        mode = "max-autotune" if device == "cuda" else None
        self.network = torch.compile(self.model, mode=mode) if compiled else self.model
        self.ema = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=2e-4, weight_decay=0.01, fused=True)
        beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
        self.alpha_bar = torch.cumprod(1 - beta, dim=0).float().to(self.device)  # of t = 1..T
        self.x0 = self.images(torch.rand(batch, *self.image) * 2 - 1)

    def images(self, x):
        return x.to(self.device).contiguous(memory_format=self.layout)

    def eps_theta(self, x, t):
        """diffusers counts the steps from 0."""
        bf16 = torch.autocast(self.device.type, dtype=torch.bfloat16)
        with bf16 if self.bf16 else contextlib.nullcontext():
            return self.network(x, t - 1).sample.float()

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def reply_since(self, start, **fields):
        """The seconds since then, once the device is done."""
        self.wait()
        seconds = time.perf_counter() - start
        on_gpu = self.device.type == "cuda"
        peak = torch.cuda.max_memory_reserved() / 2**20 if on_gpu else peak_rss_mib()
        reply(seconds=seconds, peak_mib=peak, **fields)

    def mse(self, x0, eps, t):
        alpha_bar = self.alpha_bar[t - 1].view(-1, 1, 1, 1)
        x_t = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps
        return F.mse_loss(self.eps_theta(x_t, t), eps)

    def train(self):
        self.wait()
        start = time.perf_counter()
        t = torch.randint(1, 1001, (self.batch,), device=self.device)
        eps = torch.randn_like(self.x0)
        loss = self.mse(self.x0, eps, t)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.ema, self.parameters, 1 - 0.999)
        self.reply_since(start, loss=loss.item())

    def sample(self):
        self.wait()
        start = time.perf_counter()
        x = self.images(torch.randn(SAMPLE_BATCH, *self.image, device=self.device))
        t = torch.full((SAMPLE_BATCH,), 500, device=self.device)
        with torch.no_grad():
            self.eps_theta(x, t)
        self.reply_since(start)

    def ddim(self):
        """eta = 0, from t = T down in steps of T / 50."""
        self.wait()
        start = time.perf_counter()
        x = self.images(torch.randn(SAMPLE_BATCH, *self.image, device=self.device))
        one = torch.ones((), device=self.device)
        with torch.no_grad():
            for i in range(DDIM_STEPS, 0, -1):
                t = i * len(self.alpha_bar) // DDIM_STEPS
                s = (i - 1) * len(self.alpha_bar) // DDIM_STEPS
                now, then = self.alpha_bar[t - 1], self.alpha_bar[s - 1] if s > 0 else one
                times = torch.full((SAMPLE_BATCH,), t, device=self.device)
                eps = self.eps_theta(x, times)
                x0 = (x - (1 - now).sqrt() * eps) / now.sqrt()
                x = then.sqrt() * x0 + (1 - then).sqrt() * eps
        self.reply_since(start)

    def conv(self, argument):
        n, size, c_in, c_out, kernel = map(int, argument.split())
        kind = torch.bfloat16 if self.bf16 else torch.float32

        def numbers(*shape):
            return self.images(torch.randn(*shape)).to(kind)

        x, w = numbers(n, c_in, size, size), numbers(c_out, c_in, kernel, kernel)
        dy, b = numbers(n, c_out, size, size), torch.randn(c_out, device=self.device, dtype=kind)

        def backward(*mask):
            return torch.ops.aten.convolution_backward(
                dy, x, w, [c_out], [1, 1], [kernel // 2] * 2, [1, 1], False, [0, 0], 1, list(mask)
            )

        calls = {
            "forward": lambda: F.conv2d(x, w, b, padding=kernel // 2),
            "data": lambda: backward(True, False, False),
            "weight": lambda: backward(False, True, True),
        }
        reply(**{name: self.seconds_of(call) for name, call in calls.items()})

    def seconds_of(self, call):
        seconds = []
        for run in range(CONV_RUNS + 1):  # the first does not count
            start = time.perf_counter()
            for _ in range(CONV_CALLS):
                call()
            self.wait()
            seconds.append((time.perf_counter() - start) / CONV_CALLS)
        return statistics.median(seconds[1:])

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
            t = given["t"].long().to(self.device)
            loss = self.mse(self.images(given["x0"]), self.images(given["eps"]), t)
        reply(loss=loss.item())



def about(device):
    on_gpu = device == "cuda"
    reply(
        torch=torch.__version__,
        diffusers=diffusers.__version__,
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name() if on_gpu else None,
        cudnn=torch.backends.cudnn.version() if on_gpu else None,
    )


def new_trainer(argument, device):
    """After the one before has left the GPU."""
    preset, batch, precision, layout, how = argument.split()
    if device == "cuda":
        gc.collect()
        torch.compiler.reset()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    trainer = Trainer(preset, int(batch), precision, layout, how == "compile", device)
    reply(ok=True)
    return trainer


REQUESTS = ("train", "sample", "ddim", "conv", "load", "loss", "save", "inputs")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", action="store_true", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    trainer = None
    for line in sys.stdin:
        request, *arguments = (word.strip() for word in line.split(maxsplit=1))
        if request == "quit":
            return
        try:
            if request == "about":
                about(options.device)
            elif request == "model":
                trainer = None
                trainer = new_trainer(*arguments, options.device)
            elif request in REQUESTS:
                if trainer is None:
                    raise ValueError("expected a model first")
                getattr(trainer, request)(*arguments)
            else:
                raise ValueError(f"expected model, about or one of {', '.join(REQUESTS)}")
        except Exception as error:
            reply(error=f"{request}: {error or type(error).__name__}")


if __name__ == "__main__":
    main()
