#!/usr/bin/env python3
"""Holds the rooms apart: which room may include which, and which words it must not know.

usage: check_layers.py [ROOT]

The table is that of the design. Comments and string literals are not read.
"""

import pathlib
import re
import sys

# Real and Index: the two types that every room shares.
SHARED = "tensor/kernels/real.h"

# A kernel's header knows arithmetic and sizes; both compilers, host and device, must take it.
KERNEL_HEADERS = {"array", "bit", "cmath", "cstddef", "cstdint", "limits", "numbers", "type_traits"}

GRADIENTS = r"\bVariable\b|\bautograd\b"
MODULES = r"\bModule\b|\bParameter\b|\bUNet"
WHICH_DEVICE = r"\bDevice::|\bkCuda\b"
BRANCH_ON_DEVICE = r"\bif\b[^;{]*(\bDevice::|\bkCuda\b)|\bDevice::\w+\s*\?"
KERNELS = r"(?<![:\w])(cpu|cuda)::|\bon<"

# room: the rooms that it may include besides itself, and what it must not know.
ROOMS = {
    "tensor/kernels": ([], {"Tensor": r"\bTensor\b", "Device": r"\bDevice\b", "gradients": GRADIENTS}),
    "tensor/cpu": (["tensor/kernels"], {"Tensor": r"\bTensor\b", "gradients": GRADIENTS}),
    "tensor": (["tensor/kernels"], {"gradients": GRADIENTS, "modules": MODULES}),
    "cuda/emulator": ([], {"Tensor": r"\bTensor\b", "gradients": GRADIENTS}),
    "cuda": (["tensor/kernels", "cuda/emulator"], {"Tensor": r"\bTensor\b", "gradients": GRADIENTS}),
    "io": (["tensor"], {"gradients": GRADIENTS, "modules": MODULES, "kernels": KERNELS}),
    "autograd": (["tensor", "tensor/kernels"], {"modules": MODULES, "which device": WHICH_DEVICE}),
    "nn": (["autograd", "tensor", "io"], {"if (device)": BRANCH_ON_DEVICE, "kernels": KERNELS}),
    "diffusion": (
        ["nn", "autograd", "tensor"],
        {"if (device)": BRANCH_ON_DEVICE, "kernels": KERNELS},
    ),
    "apps": (["diffusion", "nn", "autograd", "io", "tensor", "tensor/kernels", "cuda"], {}),
    "tests": (None, {}),
    "bench": (None, {}),
}

# A sampler takes a function eps(x, t): no network, no module.
SAMPLER = re.compile(r"diffusion/(sampl|ddim|ddpm|ode)\w*\.")
SAMPLER_MUST_NOT_KNOW = {"a model class": r"\bModule\b|\bUNet"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def room_of(path):
    """The room with the longest name that holds `path`, or None."""
    rooms = [room for room in ROOMS if path.startswith(room + "/")]
    return max(rooms, key=len, default=None)


def blank(match):
    """As many lines as the match had, without its words."""
    return "\n" * match.group().count("\n")


def faults_of(path, text):
    """What breaks the table in one file: pairs of line and message."""
    room = room_of(path)
    allowed, unknown = ROOMS[room]
    is_sampler = SAMPLER.match(path) is not None

    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1 + match.group().count("\n")
        quote, target = match.groups()
        if quote == "<":
            if room == "tensor/kernels" and target not in KERNEL_HEADERS:
                yield line, f"{room} may not include <{target}>"
            continue
        target_room = room_of(target)
        if target_room is None:
            yield line, f'"{target}" names no room: project headers start with their room, others stand in <>'
        elif target == SHARED:
            continue
        elif allowed is not None and target_room not in [room, *allowed]:
            yield line, f"{room} may not include {target_room}: {target}"
        elif is_sampler and target_room == "nn":
            yield line, f"a sampler takes a function eps(x, t) and may not include nn: {target}"

    code = COMMENT_OR_STRING.sub(blank, text)
    words = {**unknown, **(SAMPLER_MUST_NOT_KNOW if is_sampler else {})}
    for name, pattern in words.items():
        for match in re.finditer(pattern, code):
            line = code.count("\n", 0, match.start()) + 1
            yield line, f"{path if is_sampler else room} must not know {name}: {match.group().strip()}"


def sources(root):
    for room in sorted({room.split("/")[0] for room in ROOMS}):
        for path in sorted((root / room).rglob("*")):
            if path.suffix in {".h", ".cpp", ".cu", ".cuh"} and room_of(path.relative_to(root).as_posix()):
                yield path


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    count = 0
    for path in sources(root):
        name = path.relative_to(root).as_posix()
        for line, message in faults_of(name, path.read_text(encoding="utf-8")):
            print(f"{name}:{line}: {message}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
