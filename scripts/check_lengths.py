#!/usr/bin/env python3
"""A file is one idea: past 450 lines it must say why, in scripts/long_files.txt (a path, a blank, the reason).

usage: check_lengths.py [ROOT]
"""

import pathlib
import sys

LIMIT = 450
FOLDERS = ["tensor", "cuda", "io", "autograd", "nn", "diffusion", "apps", "tests", "bench", "scripts", "cmake"]
SUFFIXES = {".h", ".cpp", ".cu", ".cuh", ".py", ".sh", ".cmake"}


def reasons_of(path):
    """path -> reason, for the lines of the list that are not comments."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name: reason.strip() for name, _, reason in (line.partition(" ") for line in lines)}


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    reasons = reasons_of(root / "scripts/long_files.txt")
    long_files, faults = set(), []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            name = path.relative_to(root).as_posix()
            length = len(path.read_text(encoding="utf-8").splitlines())
            if length > LIMIT:
                long_files.add(name)
                if not reasons.get(name):
                    faults.append(f"{name}: {length} lines (limit {LIMIT}) and no reason in scripts/long_files.txt")
    faults += [f"scripts/long_files.txt: {name} is not long" for name in reasons if name not in long_files]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
