#!/usr/bin/env python3
"""Times a training step and a sampling step of the presets against the same UNet in PyTorch.

    make bench && python bench/compare_torch.py

All sides are processes that do one step when asked (the protocol stands in torch_unet.py). They
start from the same weights, must agree on the loss, and then take turns, so that a slow hour of a
shared machine slows all of them. Of PyTorch's two memory layouts the faster one counts. Needs
torch, diffusers and safetensors in the Python that runs this.
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
TOLERANCE = 1e-5  # of the loss, relative; float32 sums over 10^5 pixels differ by about 1e-6
PASSIVE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


class Failure(Exception):
    """What the user reads in one line."""


class Contender:
    """A process that performs one step when asked, and its measurements."""

    def __init__(self, name, command, threads):
        self.name = name
        self.seconds = {"train": [], "sample": []}
        self.peak_rss_mib = self.start_rss_mib = float("nan")
        self.errors = tempfile.TemporaryFile("w+")
        # The threads of a side that waits must sleep, not spin.
        environment = os.environ | PASSIVE | {"OMP_NUM_THREADS": str(threads)}
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

    def step(self, kind):
        answer = self.ask(kind, "seconds")
        self.peak_rss_mib = answer.get("peak_rss_mib", self.peak_rss_mib)
        return answer["seconds"]

    def measure_start(self):
        """Resident memory before the first step: the program, its libraries and the model."""
        with contextlib.suppress(OSError, StopIteration):
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            self.start_rss_mib = next(
                int(s.split()[1]) / 1024 for s in status if s.startswith("VmRSS")
            )

    def milliseconds(self, kind, statistic):
        return 1e3 * statistic(self.seconds[kind])

    def close(self):
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


def start_contenders(options, preset):
    common = [
        "--serve",
        "--preset",
        preset,
        "--batch",
        str(options.batch),
        "--threads",
        str(options.threads),
    ]
    torch = [sys.executable, str(HERE / "torch_unet.py"), *common]
    commands = {
        "inkling": [str(options.binary.resolve()), *common],
        "torch, NCHW": torch,
        "torch, channels_last": [*torch, "--layout", "channels_last"],
    }
    if options.compile:
        commands["torch.compile, NCHW"] = [*torch, "--compile"]
    return [Contender(name, command, options.threads) for name, command in commands.items()]


def check_losses(contenders, folder):
    """Gives all sides the same weights and inputs, and returns their losses."""
    weights, inputs = folder / "weights.safetensors", folder / "inputs.safetensors"
    peer = contenders[1]
    peer.ask(f"save {weights}")
    peer.ask(f"inputs {inputs}")
    for c in contenders:
        c.ask(f"load {weights}")
        c.measure_start()
    losses = [c.ask(f"loss {inputs}", "loss")["loss"] for c in contenders]
    for c, loss in zip(contenders, losses):
        # Written so that a NaN fails.
        if not abs(loss - losses[1]) <= TOLERANCE * abs(losses[1]):
            raise Failure(f"the losses differ: {c.name} {loss:.9g}, {peer.name} {losses[1]:.9g}")
    return losses


def take_turns(contenders, options):
    for turn in range(options.warm_up + options.steps):
        for kind in ("train", "sample"):
            for c in contenders:
                seconds = c.step(kind)
                if turn >= options.warm_up:
                    c.seconds[kind].append(seconds)


def print_table(contenders, preset, options, losses):
    steps = f"{options.steps} steps in turn after {options.warm_up} of warm-up"
    print(f"\n{preset}, batch {options.batch}, {options.threads} threads, {steps}")
    print(f"{'':24}{'training step, ms':>20}{'forward of 64, ms':>20}{'peak memory, MiB':>20}")
    print(f"{'':24}{'median':>11}{'min':>9}{'median':>11}{'min':>9}{'total':>11}{'grown':>9}")
    for c in contenders:
        times = [c.milliseconds(kind, f) for kind in c.seconds for f in (statistics.median, min)]
        memory = [c.peak_rss_mib, c.peak_rss_mib - c.start_rss_mib]
        print(
            f"{c.name:24}" + "".join(f"{a:11.1f}{b:9.1f}" for a, b in zip(times[::2], times[1::2])),
            end="",
        )
        print(f"{memory[0]:11.0f}{memory[1]:9.0f}")
    ours, peers = contenders[0], [c for c in contenders[1:] if "compile" not in c.name]
    compiled = [c for c in contenders if "compile" in c.name]
    for label, group in (("torch / inkling", peers), ("torch.compile / inkling", compiled)):
        if group:
            ratios = [
                min(c.milliseconds(kind, f) for c in group) / ours.milliseconds(kind, f)
                for kind in ours.seconds
                for f in (statistics.median, min)
            ]
            print(f"{label:24}{ratios[0]:11.2f}{ratios[1]:9.2f}{ratios[2]:11.2f}{ratios[3]:9.2f}")
    gap = max(abs(loss / losses[1] - 1) for loss in losses)
    print(f"same loss from the same weights: {losses[0]:.6f}, relative difference {gap:.1e}")


def compare(preset, options):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders = start_contenders(options, preset)
        for c in contenders:
            stack.callback(c.close)
        losses = check_losses(contenders, folder)
        take_turns(contenders, options)
        print_table(contenders, preset, options, losses)


def cpu_name():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def print_machine(options):
    peer = Contender(
        "torch", [sys.executable, str(HERE / "torch_unet.py"), "--serve"], options.threads
    )
    try:
        about = peer.ask("about", "torch")
    finally:
        peer.close()
    print(f"torch {about['torch']}, diffusers {about['diffusers']}; {cpu_name()}, float32")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = HERE.parent / "build" / "bench_inkling"
    parser.add_argument("--binary", type=pathlib.Path, default=build, help="our bench program")
    parser.add_argument("--preset", choices=("small", "base", "both", "imagenet64"), default="both")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10, help="measured steps per side, at least 1")
    parser.add_argument("--warm-up", type=int, default=3, help="steps per side before those")
    parser.add_argument("--compile", action="store_true", help="also time torch.compile (minutes)")
    options = parser.parse_args()
    if min(options.batch, options.threads, options.steps) < 1 or options.warm_up < 0:
        parser.error("--batch, --threads and --steps must be at least 1, --warm-up at least 0")
    try:
        if not options.binary.is_file():
            raise Failure(f"{options.binary} does not exist: build it with `make bench`")
        print_machine(options)
        for preset in ("small", "base") if options.preset == "both" else (options.preset,):
            compare(preset, options)
    except Failure as failure:
        print(f"compare_torch: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
