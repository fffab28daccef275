#!/usr/bin/env python3
"""Times a training step and a sampling step of the presets against the same UNet in PyTorch.

    make bench && python bench/compare_torch.py                  on the CPU
    make bench && python bench/compare_torch.py --device cuda    on a GPU

All sides are processes that do one step when asked (the protocol stands in torch_unet.py). They
start from the same weights and must agree on the loss. On the CPU they take turns, so that a slow
hour of a shared machine slows all of them; on a GPU each has it to itself. Of PyTorch's two memory
layouts the faster one counts. Needs torch, diffusers and safetensors in the Python that runs this.

On a GPU like is held against like: TF32 against allow_tf32, exact against exact, bf16 against
autocast. --compile adds torch.compile(mode="max-autotune"), which takes minutes for each table.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# Of the loss, relative. Float32 sums over 10^5 pixels differ by about 1e-6; factors of 11 and 8
# significant bits are rounded by 5e-4 and 4e-3, which partly averages out.
TOLERANCE = {"exact": 1e-5, "tf32": 1e-3, "bf16": 1e-2}
# What PyTorch's convolutions are held against on a GPU: images, size, channels in and out, kernel.
CONVOLUTIONS = [
    (32, 64, 64, 64, 3),
    (32, 32, 128, 128, 3),
    (32, 16, 192, 192, 3),
    (32, 8, 256, 256, 3),
    (32, 64, 192, 64, 3),
    (32, 32, 320, 128, 3),
    (128, 28, 32, 32, 3),
    (128, 14, 64, 64, 3),
    (128, 7, 128, 128, 3),
]
# How threads wait: they spin for some ten microseconds, as our programs have it, then they sleep. A
# side that waits for its turn must not spin on.
WAITING = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "0"}


class Failure(Exception):
    """What the user reads in one line."""


class Process:
    """Answers requests, a line each."""

    def __init__(self, name, command, threads):
        self.name = name
        self.model = None  # the request that built what it holds now
        self.errors = tempfile.TemporaryFile("w+")
        environment = os.environ | WAITING | {"OMP_NUM_THREADS": str(threads)}
        try:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                bufsize=1,
            )
        except OSError as error:
            raise Failure(f"cannot start {command[0]}: {error.strerror}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, request, field="ok"):
        """Sends a request and returns the answer, which must have the field."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.name} ended at '{request}' {self.last_words()}")
        try:
            answer = json.loads(line)
        except json.JSONDecodeError:
            raise Failure(f"{self.name} answered '{request}' with {line.strip()!r}") from None
        if not isinstance(answer, dict) or field not in answer:
            reason = answer.get("error") if isinstance(answer, dict) else None
            reason = reason or f"no '{field}' in the answer to '{request}'"
            raise Failure(f"{self.name}: {reason}")
        # JSON has no NaN; some writers put null.
        return {key: float("nan") if value is None else value for key, value in answer.items()}

    def last_words(self):
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return f"with status {status}" + (f": {lines[-1]}" if lines else "")

    def close(self):
        if self.process.stdout.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Contender:
    """A process that performs one step when asked, and its measurements."""

    def __init__(self, name, process, model=None):
        self.name = name
        self.process = process
        self.model = model  # the request that builds it, where a process builds several
        self.seconds = {}
        self.peak_mib = self.start_mib = self.loss = float("nan")

    def ask(self, request, field="ok"):
        return self.process.ask(request, field)

    def step(self, kind, counts):
        answer = self.ask(kind, "seconds")
        self.peak_mib = answer.get("peak_mib", self.peak_mib)
        if counts:
            self.seconds.setdefault(kind, []).append(answer["seconds"])

    def measure_start(self):
        """Resident memory before the first step: the program, its libraries and the model."""
        with contextlib.suppress(OSError, StopIteration):
            status = pathlib.Path(f"/proc/{self.process.process.pid}/status").read_text()
            self.start_mib = next(
                int(s.split()[1]) / 1024 for s in status.splitlines() if s.startswith("VmRSS")
            )

    def milliseconds(self, kind, statistic):
        return 1e3 * statistic(self.seconds[kind])


class Sides:
    """Starts what is compared. On the CPU each has a process of its own, whose memory is measured;
    on a GPU PyTorch has one for all, for its import takes longer than the steps."""

    def __init__(self, stack, options):
        self.options = options
        self.shared = stack.enter_context(self.torch()) if options.device == "cuda" else None

    def torch(self):
        command = [sys.executable, str(HERE / "torch_unet.py"), "--serve"]
        command += ["--threads", str(self.options.threads), "--device", self.options.device]
        return Process("torch", command, self.options.threads)

    def start(self, stack, preset, batch, precision):
        """Our program first, then PyTorch in two layouts."""
        options = self.options
        command = [str(options.binary.resolve()), "--serve", "--preset", preset]
        command += ["--batch", str(batch), "--threads", str(options.threads)]
        command += ["--device", options.device]
        command += {"exact": ["--precise"]}.get(precision, ["--precision", precision])
        ours = stack.enter_context(Process("inkling", command, options.threads))
        models = {
            "torch, NCHW": "contiguous_format eager",
            "torch, channels_last": "channels_last eager",
        }
        if options.compile:
            models["torch.compile, NCHW"] = "contiguous_format compile"
        result = [Contender("inkling", ours)]
        for name, model in models.items():
            process = self.shared or stack.enter_context(self.torch())
            request = f"model {preset} {batch} {precision} {model}"
            result.append(Contender(name, process, request))
        return result


def build(contender):
    if contender.model != contender.process.model:
        contender.ask(contender.model)
        contender.process.model = contender.model


def write_inputs(torch, folder):
    """Weights and a batch, from which all sides start."""
    build(torch)
    torch.ask(f"save {folder}/weights.safetensors")
    torch.ask(f"inputs {folder}/inputs.safetensors")


def prepare(contender, folder):
    build(contender)
    contender.ask(f"load {folder}/weights.safetensors")
    contender.measure_start()
    contender.loss = contender.ask(f"loss {folder}/inputs.safetensors", "loss")["loss"]


def check_losses(contenders, tolerance):
    ours, peer = contenders[0], contenders[1]
    for c in contenders:
        # Written so that a NaN fails.
        if not abs(c.loss - peer.loss) <= tolerance * abs(peer.loss):
            raise Failure(f"the losses differ: {c.name} {c.loss:.9g}, {peer.name} {peer.loss:.9g}")
    gap = max(abs(c.loss / peer.loss - 1) for c in contenders)
    print(f"same loss from the same weights: {ours.loss:.6f}, relative difference {gap:.1e}")


KINDS = {
    "cpu": {"train": "training step", "sample": "forward of 64"},
    "cuda": {"train": "training step", "sample": "forward of 64", "ddim": "50 DDIM steps"},
}


def take_turns(contenders, options):
    for turn in range(options.warm_up + options.steps):
        for kind in KINDS[options.device]:
            for c in contenders:
                c.step(kind, counts=turn >= options.warm_up)


def measure(contenders, options, folder):
    """Steps of all in turn on the CPU, of one after the other on a GPU."""
    if options.device == "cpu":
        for contender in contenders:
            prepare(contender, folder)
        take_turns(contenders, options)
        return
    for contender in contenders:
        prepare(contender, folder)
        take_turns([contender], options)


def print_table(contenders, preset, batch, precision, options):
    kinds = KINDS[options.device]
    where = f"{options.threads} threads" if options.device == "cpu" else precision
    turns = "in turn " if options.device == "cpu" else ""
    steps = f"{options.steps} steps {turns}after {options.warm_up} of warm-up"
    print(f"\n{preset}, batch {batch}, {where}, {steps}")
    print(" " * 24 + "".join(f"{name + ', ms':>20}" for name in kinds.values()), end="")
    print(f"{'peak memory, MiB':>20}")
    print(" " * 24 + f"{'median':>11}{'min':>9}" * len(kinds), end="")
    print(f"{'total':>11}" + (f"{'grown':>9}" if options.device == "cpu" else ""))
    for c in contenders:
        times = [
            f"{c.milliseconds(kind, statistics.median):11.2f}{c.milliseconds(kind, min):9.2f}"
            for kind in kinds
        ]
        grown = f"{c.peak_mib - c.start_mib:9.0f}" if options.device == "cpu" else ""
        print(f"{c.name:24}" + "".join(times) + f"{c.peak_mib:11.0f}{grown}")
    ours, peers = contenders[0], [c for c in contenders[1:] if "compile" not in c.name]
    compiled = [c for c in contenders if "compile" in c.name]
    for label, group in (("torch / inkling", peers), ("torch.compile / inkling", compiled)):
        if group:
            ratios = [
                min(c.milliseconds(kind, f) for c in group) / ours.milliseconds(kind, f)
                for kind in kinds
                for f in (statistics.median, min)
            ]
            cells = zip(ratios[::2], ratios[1::2])
            print(f"{label:24}" + "".join(f"{a:11.2f}{b:9.2f}" for a, b in cells))


def compare(sides, options, preset, batch, precision):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        contenders = sides.start(stack, preset, batch, precision)
        write_inputs(contenders[1], folder)
        measure(contenders, options, folder)
        print_table(contenders, preset, batch, precision, options)
        check_losses(contenders, TOLERANCE[precision])


def compare_convolutions(sides, precision):
    """Ours against cuDNN, of whose layouts the faster one counts."""
    passes = ("forward", "data", "weight")
    times = {}
    with contextlib.ExitStack() as stack:
        for contender in sides.start(stack, "small", 1, precision)[:3]:
            build(contender)
            for shape in CONVOLUTIONS:
                request = "conv " + " ".join(map(str, shape))
                times[contender.name, shape] = contender.ask(request, "forward")
    print(f"\nconvolutions, {precision}: TFLOP/s of ours (and of cuDNN), and their ratio")
    print(" " * 34 + "".join(f"{name:>26}" for name in ("forward", "dx", "dw and db")))
    for shape in CONVOLUTIONS:
        n, size, c_in, c_out, kernel = shape
        flop = 2 * n * size**2 * c_in * c_out * kernel**2
        cells = ""
        for kind in passes:
            ours = times["inkling", shape][kind]
            peer = min(times[name, shape][kind] for name in ("torch, NCHW", "torch, channels_last"))
            rates = f"{flop / ours / 1e12:.1f} ({flop / peer / 1e12:.1f})"
            cells += f"{rates:>18}{peer / ours:8.2f}"
        name = f"{kernel}x{kernel} {c_in} to {c_out}, {n} x {size}x{size}"
        print(f"{name:34}{cells}")


def cpu_name():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def print_machine(sides, options):
    peer = sides.shared or sides.torch()
    about = peer.ask("about", "torch")
    if not sides.shared:
        peer.close()
    machine = f"{cpu_name()}, float32"
    if options.device == "cuda":
        driver = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        version = driver[0] if driver else "unknown"
        machine = f"{about['gpu']}, driver {version}, cuDNN {about['cudnn']}"
    print(f"torch {about['torch']}, diffusers {about['diffusers']}; {machine}", flush=True)


def run(sides, options):
    """Every table that was asked for; what cannot be measured is said, and the rest goes on."""
    presets = {"both": ("small", "base"), "all": ("base", "small", "imagenet64")}
    batches = {"imagenet64": 32}
    failures = 0
    tables = [
        lambda p=p, precision=precision: compare(
            sides, options, p, options.batch or batches.get(p, 128), precision
        )
        for precision in options.precision
        for p in presets.get(options.preset, (options.preset,))
    ]
    if options.device == "cuda":
        tables += [
            lambda precision=precision: compare_convolutions(sides, precision)
            for precision in options.precision
        ]
    for table in tables:
        try:
            table()
        except Failure as failure:
            failures += 1
            print(f"compare_torch: {failure}", file=sys.stderr)
        sys.stdout.flush()
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = HERE.parent / "build" / "bench_inkling"
    parser.add_argument("--binary", type=pathlib.Path, default=build, help="our bench program")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--preset",
        choices=("small", "base", "both", "imagenet64", "all"),
        help="default: both on the CPU, all on a GPU",
    )
    parser.add_argument(
        "--precision",
        choices=("exact", "tf32", "bf16"),
        nargs="+",
        help="of products on a GPU (default: all three)",
    )
    parser.add_argument("--batch", type=int, help="default: 128, and 32 for imagenet64")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10, help="measured steps per side, at least 1")
    parser.add_argument("--warm-up", type=int, default=3, help="steps per side before those")
    parser.add_argument("--compile", action="store_true", help="also time torch.compile (minutes)")
    options = parser.parse_args()
    counts = [options.threads, options.steps] + ([] if options.batch is None else [options.batch])
    if min(counts) < 1 or options.warm_up < 0:
        parser.error("--batch, --threads and --steps must be at least 1, --warm-up at least 0")
    if options.device == "cpu" and options.precision not in (None, ["exact"]):
        parser.error("--precision is for --device cuda: the CPU computes in float32")
    on_gpu = options.device == "cuda"
    options.preset = options.preset or ("all" if on_gpu else "both")
    options.precision = options.precision or (["tf32", "exact", "bf16"] if on_gpu else ["exact"])
    try:
        if not options.binary.is_file():
            raise Failure(f"{options.binary} does not exist: build it with `make bench`")
        with contextlib.ExitStack() as stack:
            sides = Sides(stack, options)
            print_machine(sides, options)
            return run(sides, options)
    except Failure as failure:
        print(f"compare_torch: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
