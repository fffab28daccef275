#!/usr/bin/env python3
"""Holds the code shown in README.md and docs/ against the sources.

usage: check_snippets.py [ROOT]

A fenced block whose fence names a file, as in ```cpp tensor/shape.h, must stand in that file: each run of its lines
that is not broken by a line "..." has to occur there as it is, but for white space at the ends of lines.
"""

import pathlib
import re
import sys

FENCE = re.compile(r"^```\w+ +(\S*[/.]\S+)\s*$")


def snippets_of(path):
    """The line number, the named file and the runs of lines of every named block."""
    named, runs, start = None, [], 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if named is None:
            match = FENCE.match(line)
            if match:
                named, runs, start = match.group(1), [[]], number
        elif line.startswith("```"):
            yield start, named, [run for run in runs if run]
            named = None
        elif line.strip() == "...":
            runs.append([])
        else:
            runs[-1].append(line.rstrip())
    if named is not None:
        yield start, None, []


def contains(lines, run):
    return any(lines[i : i + len(run)] == run for i in range(len(lines) - len(run) + 1))


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    count, faults = 0, []
    for page in sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")]):
        for number, named, runs in snippets_of(page):
            place = f"{page.relative_to(root).as_posix()}:{number}"
            if named is None:
                faults.append(f"{place}: this block is never closed")
                continue
            count += 1
            source = root / named
            if not source.is_file():
                faults.append(f"{place}: there is no file {named}")
                continue
            lines = [line.rstrip() for line in source.read_text(encoding="utf-8").splitlines()]
            for run in runs:
                if not contains(lines, run):
                    faults.append(f"{place}: this is not in {named} (any more): {run[0].strip()}")
    for fault in faults:
        print(fault)
    print(f"{count} snippets of code in the docs, {len(faults)} out of date")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
