#!/usr/bin/env python3
"""Runs clang-tidy (see .clang-tidy) over every source of Inkling that a build compiles, but for the tests, which would
take half of the time and whose mistakes show when they run, and for cuda/, which two compilers warn about.

usage: check_tidy.py [ROOT]

ROOT/compile_commands.json lists the sources if there is one; else they are listed by configuring a build of their own.

Most of clang-tidy's time goes into headers, so the sources of a room are read together, through a file of #includes,
and one at a time only where such a group has a fault.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

FOLDER = pathlib.Path("build/tidy")
GROUP = 12  # sources read together: few enough that every core has work
# Names that a source gives to things of its own, at the beginning of a line: two sources with the same one stay apart.
OWN_NAMES = re.compile(r"^(?:struct|class|enum class|enum) (\w+)|^(?!\W|namespace|using|template|return).*?\b(\w+)(?:\(| =|\[|\{)",
                       re.MULTILINE)
# clang's count of the warnings in other people's headers is of no interest.
NOISE = re.compile(r"^(\d+ warnings? (generated|treated)|Suppressed).*\n?", re.MULTILINE)


def compile_commands():
    path = pathlib.Path("compile_commands.json")
    if not path.exists():
        # Without nvcc, whose options clang does not know.
        configure = ["cmake", "--preset", "release", "-B", str(FOLDER), "-DINK_TESTS=ON", "-DINK_TEST_REALS=float",
                     "-DINK_CUDA=OFF", "-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON"]
        result = subprocess.run(configure, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            sys.exit(result.stdout)
        path = FOLDER / "compile_commands.json"
    return json.loads(path.read_text(encoding="utf-8"))


def sources(commands):
    """One (path, directory, arguments without the file's own names) for each source that is read."""
    found = {}
    for entry in commands:
        path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        if path.startswith((os.path.join(os.getcwd(), "tests", "test_"), os.path.join(os.getcwd(), "cuda", ""))):
            continue
        words = shlex.split(entry["command"])
        output = words.index("-o") if "-o" in words else len(words)
        words = [word for i, word in enumerate(words) if i not in (output, output + 1) and word not in ("-c", entry["file"])]
        found.setdefault(path, (entry["directory"], words))
    return [(path, *rest) for path, rest in sorted(found.items())]


def own_names(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    return {name for pair in OWN_NAMES.findall(text) for name in pair if name}


def grouped(entries):
    """The sources of each folder in groups that one translation unit can hold: same flags, no name twice."""
    groups = []
    for path, directory, words in entries:
        names, kind = own_names(path), (os.path.dirname(path), directory, words)
        for group in groups:
            if group["kind"] == kind and len(group["paths"]) < GROUP and not group["names"] & names:
                group["paths"].append(path)
                group["names"] |= names
                break
        else:
            groups.append({"kind": kind, "paths": [path], "names": names})
    return [(group["paths"], group["kind"]) for group in groups]


def write_database(groups):
    """A file of #includes for each group of several sources, and the commands that compile them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    together, database = [], []
    for number, (paths, (_, directory, words)) in enumerate(groups):
        unit = paths[0]
        if len(paths) > 1:
            unit = str(FOLDER.resolve() / f"group_{number}.cpp")
            pathlib.Path(unit).write_text("".join(f'#include "{path}"\n' for path in paths), encoding="utf-8")
        together.append((unit, paths))
        for path in {unit, *paths}:
            database.append({"directory": directory, "file": path, "arguments": [*words, "-c", path]})
    folder = FOLDER / "groups"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(database), encoding="utf-8")
    return together, folder


def tidy(path, folder):
    """What clang-tidy says of one translation unit; nothing if it is content."""
    command = ["clang-tidy", "-p", str(folder), "--quiet", "--extra-arg=-Wno-unknown-warning-option", path]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "" if result.returncode == 0 else NOISE.sub("", result.stdout) or f"clang-tidy failed on {path}\n"


def main():
    jobs = int(subprocess.check_output([pathlib.Path(__file__).resolve().parent / "jobs.sh"]))
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    together, folder = write_database(grouped(sources(compile_commands())))
    together.sort(key=lambda unit: -sum(os.path.getsize(path) for path in unit[1]))

    faults = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        said = list(pool.map(lambda unit: tidy(unit[0], folder), together))
        again = [path for (_, paths), words in zip(together, said) if words and len(paths) > 1 for path in paths]
        alone = [words for (_, paths), words in zip(together, said) if words and len(paths) == 1]
        for words in [*alone, *pool.map(lambda path: tidy(path, folder), again)]:
            if words:
                print(words, end="")
                faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
