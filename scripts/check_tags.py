#!/usr/bin/env python3
"""Resolves equation tags all three ways: derived in docs/derivations, computed in the code, proved by a test.

usage: check_tags.py [ROOT]

A chapter defines a tag with \\tag{GN.4} in the equation or **(GN.4)** beside it. The code that computes the equation
cites it in a comment, `// (GN.4)`; the test that proves it carries `(GN.4)` in a string (its name). Two marks on the
line excuse an equation: [definition], which is notation, from both; [step], an argument's step that is used on paper
alone, from the code. Until docs/derivations exists, there is nothing to resolve against and only the count is printed.

A mistake is refuted by a test: what the docs name as *... mistake: ...* is a test's name, and every such test is named.
"""

import collections
import pathlib
import re
import sys

CODE = ["tensor", "cuda", "io", "autograd", "nn", "diffusion", "apps"]
SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
TAG = r"[A-Z][A-Z0-9]*\.\d+[a-z]?"
CITED = re.compile(rf"\(({TAG})\)")
DEFINED = re.compile(rf"\\tag\{{({TAG})\}}|\*\*\(({TAG})\)\*\*")
MISTAKE = re.compile(r"(?<!\*)\*([^*`\n][^*`]*?\bmistake:\s[^*`]+)\*")
CASE = re.compile(r'TEST_CASE\(\s*"((?:\\.|[^"\\])*)"')
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


def lines_of(root, folders, suffixes):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes:
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    yield f"{path.relative_to(root).as_posix()}:{number}", line


def comment_of(line):
    """What follows // outside of a string."""
    return STRING.sub(lambda match: " " * len(match.group()), line).partition("//")[2]


def check_mistakes(root):
    """The faults, and how many mistakes are named and refuted."""
    tests = {}
    for path in sorted((root / "tests").rglob("*.cpp")):
        for name in CASE.findall(path.read_text(encoding="utf-8")):
            if "mistake: " in name:
                tests[name] = path.relative_to(root).as_posix()
    named, faults = set(), []
    for path in sorted((root / "docs").rglob("*.md")):
        for text in MISTAKE.findall(path.read_text(encoding="utf-8")):
            name = " ".join(text.split())
            named.add(name)
            if name not in tests:
                faults.append(f"{path.relative_to(root).as_posix()}: there is no test *{name}*")
    faults += [f"{place}: no page of docs/ names the mistake *{name}*" for name, place in tests.items() if name not in named]
    return faults, len(named & tests.keys())


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    in_code, in_tests = collections.defaultdict(list), collections.defaultdict(list)
    for place, line in lines_of(root, CODE, SUFFIXES):
        for tag in CITED.findall(comment_of(line)):
            in_code[tag].append(place)
    for place, line in lines_of(root, ["tests"], SUFFIXES):
        for text in STRING.findall(line):
            for tag in CITED.findall(text):
                in_tests[tag].append(place)

    if not (root / "docs/derivations").is_dir():
        print(f"no docs/derivations yet: {len(in_code)} tags in the code, {len(in_tests)} in the names of tests")
        return 0

    defined, notation, steps, mentioned, faults = {}, set(), set(), collections.defaultdict(list), []
    for place, line in lines_of(root, ["docs/derivations"], {".md"}):
        for pair in DEFINED.findall(line):
            tag = pair[0] or pair[1]
            if tag in defined:
                faults.append(f"{place}: ({tag}) is defined a second time, first at {defined[tag]}")
            defined.setdefault(tag, place)
            if "[definition]" in line:
                notation.add(tag)
            if "[step]" in line:
                steps.add(tag)
        for tag in CITED.findall(line):
            mentioned[tag].append(place)

    for tag, places in [*in_code.items(), *in_tests.items(), *mentioned.items()]:
        if tag not in defined:
            faults.append(f"{places[0]}: ({tag}) is defined in no chapter of docs/derivations")
    for tag, place in defined.items():
        if tag not in in_code and tag not in notation | steps:
            faults.append(f"{place}: no comment of the code cites ({tag})")
        if tag not in in_tests and tag not in notation:
            faults.append(f"{place}: no test is named after ({tag})")
    mistakes, refuted = check_mistakes(root)
    faults += mistakes
    for fault in faults:
        print(fault)
    others = len(defined.keys() - notation)
    proved = sum(tag in in_tests for tag in defined.keys() - notation)
    print(
        f"{len(defined)} equations: {len(notation)} definitions; of the other {others}, {len(steps)} are steps on paper, "
        f"{sum(tag in in_code for tag in defined.keys() - notation - steps)} are cited by code, "
        f"{proved} are proved by a test: {100 * proved // max(others, 1)} %\n"
        f"{refuted} mistakes, each refuted by a test of its name"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
