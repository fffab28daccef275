"""The figures of the program: the copies in the repository, which a forge shows, and those drawn just now.

A page shows the new ones. An SVG is put into the page itself, so that it follows the page's theme.
"""

import pathlib
import re

FOLDER = "docs/figures/"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
NEAR = 2.0  # pixels by which another machine's rounding may move a point


class Figures:
    def __init__(self, root, fresh, faults):
        """`fresh` is the folder into which the program has drawn, or None: then the copies are shown."""
        self.root, self.fresh, self.faults = root, fresh, faults

    def file(self, path):
        """The file to show for a file of the repository."""
        if self.fresh and path.startswith(FOLDER):
            drawn = self.fresh / path.removeprefix(FOLDER)
            if drawn.is_file():
                return drawn
        return self.root / path

    def svg(self, path):
        """The text of a figure that is to stand within a page; None for any other file."""
        if not (path.startswith(FOLDER) and path.endswith(".svg")):
            return None
        copy, shown = self.root / path, self.file(path)
        if not shown.is_file():
            return None  # a link to nowhere, which the page reports
        text = shown.read_text(encoding="utf-8")
        if not copy.is_file() or not alike(text, copy.read_text(encoding="utf-8")):
            self.faults.add(path, "this is not what build/figures draws (any more): run make figures")
        return text


def alike(one, two):
    """Whether two drawings differ by no more than a little in their numbers."""
    if NUMBER.split(one) != NUMBER.split(two):
        return False
    return all(abs(float(a) - float(b)) <= NEAR for a, b in zip(NUMBER.findall(one), NUMBER.findall(two)))
