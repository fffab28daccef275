#!/usr/bin/env python3
"""What ptxas says of the kernels, as a table: registers, shared memory and spills on each chip.

    kernel_resources.py [--launches FILE] LOG...      logs of nvcc -Xptxas -v; fails if a kernel spills registers

`warps` is how many warps the registers leave room for on a multiprocessor of sm_86 or sm_89 (48 at most). Shared
memory is what is static. With the launches that tests or programs noted in the emulator (INK_LAUNCHED_KERNELS), there is
a second table: a kernel's largest block, how many such blocks a multiprocessor of sm_86 or sm_89 holds, the share of its
48 warps that these are, and what there is no more of.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(sm_\d+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")

Usage = collections.namedtuple("Usage", "registers shared spills")


def read(text):
    """(mangled kernel, chip) -> Usage, for every kernel of a log."""
    kernel, spills = None, 0
    for line in text.splitlines():
        if match := ENTRY.search(line):
            kernel, spills = match.groups(), 0
        elif match := SPILLS.search(line):
            spills = int(match[2]) + int(match[3])
        elif (match := USED.search(line)) and kernel:
            shared = SHARED.search(line)
            yield kernel, Usage(int(match[1]), int(shared[1]) if shared else 0, spills)
            kernel = None


def readable(names):
    """mangled -> the name without its parameters and namespaces."""
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    short = {}
    for mangled, name in zip(names, text.splitlines()):
        name = re.sub(r"\(anonymous namespace\)::|ink::cuda::|ink::|^void ", "", name)
        depth = 0
        for i, letter in enumerate(name):
            depth += (letter == "<") - (letter == ">")
            if letter == "(" and depth == 0:
                name = name[:i]
                break
        short[mangled] = re.sub(r"\((?:int|bool|unsigned int|long)\)", "", name)
    return short


def resident_warps(registers):
    """On a multiprocessor with 65536 registers, handed out to warps in units of 256, and 48 warps."""
    return min(48, 65536 // (-(-registers * 32 // 256) * 256))


def read_launches(path):
    """readable name -> (threads, dynamic shared bytes) of the largest block."""
    blocks = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        name, *numbers = line.split("\t")
        block = tuple(map(int, numbers))
        blocks[name] = max(block, blocks.get(name, block))
    names = readable(list(blocks))
    return {names[mangled]: block for mangled, block in blocks.items()}


def occupancy(threads, registers, shared):
    """(blocks, what limits them) on a multiprocessor of sm_86 or sm_89: 48 warps, 16 blocks, 65536 registers in units of
    256 a warp, 100 KiB of shared memory in units of 128 bytes, of which each block takes 1 KiB for itself."""
    warps = -(-threads // 32)
    limits = {
        "warps": 48 // warps,
        "blocks": 16,
        "registers": 65536 // (-(-registers * 32 // 256) * 256) // warps,
        "shared memory": 100 * 1024 // (-(-(shared + 1024) // 128) * 128),
    }
    limit = min(limits, key=limits.get)
    return limits[limit], limit


def print_occupancy(table, names, launches):
    width = min(100, max(len(name) for name in names.values()))
    print(f"\n{'on sm_86 and sm_89':{width}} threads   shared  blocks  occupancy  limited by")
    for kernel in sorted(table, key=names.get):
        usage = table[kernel].get("sm_86")
        if usage is None or names[kernel] not in launches:
            continue
        threads, dynamic = launches[names[kernel]]
        shared = usage.shared + dynamic
        blocks, limit = occupancy(threads, usage.registers, shared)
        share = blocks * -(-threads // 32) / 48
        print(f"{names[kernel][:width]:{width}}{threads:>8}{shared:>9}{blocks:>8}{share:>10.0%}  {limit}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches")
    parser.add_argument("logs", nargs="+")
    options = parser.parse_args()
    table = {}
    for path in options.logs:
        for (kernel, chip), usage in read(pathlib.Path(path).read_text(encoding="utf-8")):
            table.setdefault(kernel, {})[chip] = usage
    if not table:
        print("no kernel in the logs")
        return 1
    chips = sorted({chip for usages in table.values() for chip in usages}, key=lambda chip: int(chip[3:]))
    names = readable(list(table))
    width = min(100, max(len(name) for name in names.values()))
    print(f"{'kernel':{width}} {'':>2}" + "".join(f"{chip:>8}" for chip in chips) + "   shared  warps  spills")
    spilling = []
    for kernel in sorted(table, key=names.get):
        usages = table[kernel]
        spills = {chip: usage.spills for chip, usage in usages.items() if usage.spills}
        laptop = usages.get("sm_86", next(iter(usages.values())))
        registers = "".join(f"{usages[chip].registers if chip in usages else '-':>8}" for chip in chips)
        said = ", ".join(f"{chip} {count}" for chip, count in spills.items()) or "-"
        print(f"{names[kernel][:width]:{width}} {'':>2}{registers}{laptop.shared:>9}"
              f"{resident_warps(laptop.registers):>7}  {said}")
        if spills:
            spilling.append(names[kernel])
    print(f"\n{len(table)} kernels on {len(chips)} chips: registers of a thread, bytes of shared memory and of spills")
    if options.launches:
        print_occupancy(table, names, read_launches(options.launches))
    for name in spilling:
        print(f"spills: {name}")
    return 1 if spilling else 0


if __name__ == "__main__":
    sys.exit(main())
