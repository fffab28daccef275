#!/usr/bin/env python3
"""Plants a fault of each kind, in the sources of a small site and in a copy of the real one, and sees it caught.

usage: test_faults.py SITE
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import browser as chromium
import check_site

BUILD = pathlib.Path(__file__).resolve().parents[2] / "scripts/docs/build.py"

CHAPTER = r"""# 1. Doubling (DBL)

| symbol | identifier | shape |
|---|---|---|
| $x$, $y$ | `x`, `y` | a number |

$$
y = 2 x \tag{DBL.1}
$$

```cpp nn/double.cpp
  const double y = 2 * x;  // (DBL.1)
```

See (DBL.1), [the start](../../README.md) and *(DBL.1) twice*.
"""
DRAWN = "<svg class='fig'><text x='1.5'>one</text></svg>\n"
SMALL = {
    "README.md": "# Small\n\n![a figure](docs/figures/f.svg)\n\n[one](docs/derivations/01_double.md), [code](nn/double.cpp)\n\n"
    '<img alt="" src="docs/a.svg" width="30">\n',
    "docs/a.svg": "<svg/>\n",
    "docs/figures/f.svg": DRAWN,
    "docs/derivations/01_double.md": CHAPTER,
    "nn/double.cpp": "double twice(double x) {\n  const double y = 2 * x;  // (DBL.1)\n  return y;\n}\n",
    "tests/test_double.cpp": 'TEST_CASE("(DBL.1) twice") {}\n',
}

# What the build refuses: (file, text, its replacement, the complaint).
BUILD_FAULTS = [
    ("nn/double.cpp", "2 * x;", "x + x;", "01_double.md:11: this is not in nn/double.cpp (any more)"),
    ("docs/derivations/01_double.md", "cpp nn/double", "cpp nn/triple", "there is no source file nn/triple.cpp"),
    ("docs/derivations/01_double.md", "```\n\nSee", "\n\nSee", "this block is never closed"),
    ("docs/derivations/01_double.md", "y = 2 x", r"y = \fraq{2} x", "KaTeX:"),
    ("docs/derivations/01_double.md", "y = 2 x", r"y = \frac{2 x", "a formula that pandoc does not read"),
    ("docs/derivations/01_double.md", "See (DBL.1)", "See (DBL.7)", "(DBL.7) is defined in no chapter"),
    ("docs/derivations/01_double.md", r"\tag{DBL.1}", r"\tag{DBL.1} \tag{DBL.2}", "two tags in one formula"),
    ("README.md", "# Small", "# Small\n\n**(DBL.1)**", "(DBL.1) is defined a second time"),
    ("docs/figures/f.svg", "1.5", "4.5", "docs/figures/f.svg: this is not what build/figures draws"),
    ("docs/figures/f.svg", "one", "two", "docs/figures/f.svg: this is not what build/figures draws"),
    ("README.md", "docs/figures/f", "docs/figures/g", "a link to docs/figures/g.svg, which is not there"),
    ("README.md", "docs/a.svg", "docs/b.svg", "a link to docs/b.svg, which is not there"),
    ("docs/derivations/01_double.md", "../../README.md", "../READYOU.md", "a link to docs/READYOU.md"),
    ("nn/double.cpp", "return y;", "return y;  // (DBL.9)", "(DBL.9) is defined in no chapter"),
    ("docs/derivations/01_double.md", "See (DBL.1)", r"$$z = y \tag{DBL.2}$$", "no comment of the code cites (DBL.2)"),
    ("docs/derivations/01_double.md", "See (DBL.1)", r"$$z \text{[step]} \tag{DBL.2}$$", "no test is named after"),
    ("tests/test_double.cpp", "(DBL.1)", "", "no test is named after (DBL.1)"),
]

CHAPTER_PAGE = "derivations/06_group_norm.html"
# What the browser sees: (file of the site, text, its replacement, the complaint).
SITE_FAULTS = [
    (CHAPTER_PAGE, "</h1>", "</h1><p>$x_t$</p>", "unrendered"),
    (CHAPTER_PAGE, "</h1>", r"</h1><p>\tag{GN.1}</p>", "unrendered"),
    (CHAPTER_PAGE, "</h1>", '</h1><span class="katex-error">\\frac</span>', "KaTeX error"),
    (CHAPTER_PAGE, "</h1>", '</h1><a href="nowhere.html">x</a>', "a link to nowhere.html, which is not there"),
    (CHAPTER_PAGE, "</h1>", '</h1><a href="#GN.99">x</a>', "no such anchor"),
    (CHAPTER_PAGE, "</h1>", '</h1><img alt="" src="https://example.org/a.png">', "asks a network"),
    (CHAPTER_PAGE, "</h1>", '</h1><div style="width: 500px">x</div>', "wider than its screen of 390"),
    (CHAPTER_PAGE, "</h1>", '</h1><p style="color: #888">x</p>', "contrast"),
    (CHAPTER_PAGE, "</h1>", '</h1><svg class="fig"><text style="fill: #888">x</text></svg>', "contrast"),
    (CHAPTER_PAGE, 'data-tag="GN.4"', "", "(GN.4) has no card"),
    (CHAPTER_PAGE, 'place" title="', 'plaice" title="', "(GN.4) leads to no code"),
    (CHAPTER_PAGE, "src/tests/", "src/", "(GN.4) leads to no test"),
    (CHAPTER_PAGE, 'href="#GN.4"', "", "(GN.4) shows no tag"),
    (CHAPTER_PAGE, "katex.min.css", "katex.max.css", "console:"),
    (CHAPTER_PAGE, 'class="enclosing sym s', 'class="enclosing symbol s', "symbol of the table is"),
    ("katex/katex.min.css", "fonts/KaTeX_Main-Regular", "fonts/Lost", "console: Failed to load"),
    ("katex/katex.min.css", "@font-face", "@font-gone", "without the fonts of KaTeX"),
    ("katex/katex.min.css", ".katex-mathml", ".katex-gone", "without the style sheet of KaTeX"),
    ("page.js", "'use strict';", "'use strict';\nnoSuchFunction();", "console: Uncaught ReferenceError"),
    ("page.js", "match.classList.add('lit')", "element.classList.add('lit')", "lights 1 of its"),
    ("page.js", "light(symbol || pinned)", "light(symbol)", "a click does not keep"),
    ("style.css", "pointer-events: none", "cursor: inherit", "the mouse on .equation"),
    ("style.css", "prefers-color-scheme: dark", "prefers-color-scheme: none", "not dark where dark is preferred"),
    ("style.css", "(min-width: 900px) and", "(min-width: 90px) and", "two columns on a phone"),
]
BEHAVIOUR_FAULTS = [
    ("page.js", "localStorage.setItem", "void ", "the choice of dark is forgotten"),
    ("page.js", "dataset.theme = theme", "dataset.theme = ''", "does not turn the page dark"),
    ("page.js", "classList.toggle('menu-open', open)", "classList.remove('menu-open')", "does not open the sidebar"),
    ("search_index.js", "\"url\": \"", "\"url\": \"lost/", "which is not there"),
    ("search.js", "input.addEventListener('input', search);", "", "the search finds nothing"),
]


class Tally:
    def __init__(self):
        self.count, self.missed = 0, 0

    def expect(self, what, complaint, faults):
        self.count += 1
        if not any(complaint in fault for fault in faults):
            self.missed += 1
            print(f"NOT CAUGHT: {what}: expected '{complaint}', got {faults or 'nothing'}")


def run_build(root):
    write(root, "drawn/f.svg", DRAWN.replace("1.5", "1.7"))  # as another machine may round
    command = [sys.executable, str(BUILD), str(root), str(root / "site"), str(root / "drawn")]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return result.returncode, (result.stdout + result.stderr).splitlines()


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_build(scratch, tally):
    """The build stops at what is not so any more, names it in one line, and leaves the last good site alone."""
    root = scratch / "small"
    for name, text in SMALL.items():
        write(root, name, text)
    status, lines = run_build(root)
    tally.expect("a small site", "2 pages, 2 source files, 1 equations", lines if status == 0 else [])
    tally.expect("its links", "no fault", list(check_site.check_links(root / "site", ["index.html"])) or ["no fault"])
    for name, text, replacement, complaint in BUILD_FAULTS:
        assert text in SMALL[name], (name, text)
        write(root, name, SMALL[name].replace(text, replacement))
        status, lines = run_build(root)
        tally.expect(f"build: {name}: {replacement}", complaint, lines if status == 1 else [])
        write(root, name, SMALL[name])
    tally.expect("the last good site", "index.html", [path.name for path in (root / "site").iterdir()])


def test_site(scratch, site, tally):
    """The browser's checks, each against a site in which it must find something."""
    copy = scratch / "site"
    shutil.copytree(site, copy)
    with chromium.Browser() as tab:
        faults = [*check_site.check_links(copy, [CHAPTER_PAGE]), *check_site.check_page(tab, copy, CHAPTER_PAGE)]
        tally.expect("the page as it is", "no fault", faults or ["no fault"])
        for name, text, replacement, complaint in SITE_FAULTS:
            with planted(copy / name, text, replacement):
                faults = list(check_site.check_links(copy, [CHAPTER_PAGE]))
                faults += check_site.check_page(tab, copy, CHAPTER_PAGE)
            tally.expect(f"{name}: {replacement}", complaint, faults)
        for name, text, replacement, complaint in BEHAVIOUR_FAULTS:
            with planted(copy / name, text, replacement):
                faults = check_site.check_behaviour(tab, copy)
            tally.expect(f"{name}: {replacement}", complaint, faults)


class planted:
    """A file with a fault in it, for a while."""

    def __init__(self, path, text, replacement):
        self.path, self.good = path, path.read_text(encoding="utf-8")
        assert text in self.good, f"{path} has no '{text}' to replace"
        self.bad = self.good.replace(text, replacement)

    def __enter__(self):
        self.path.write_text(self.bad, encoding="utf-8")

    def __exit__(self, *_):
        self.path.write_text(self.good, encoding="utf-8")


def main():
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        test_build(pathlib.Path(scratch), tally)
        test_site(pathlib.Path(scratch), pathlib.Path(sys.argv[1]), tally)
    print(f"{tally.count} faults planted, {tally.missed} missed")
    return 1 if tally.missed else 0


if __name__ == "__main__":
    sys.exit(main())
