#!/usr/bin/env python3
"""Builds the site: the README, the derivations and the other pages of docs/, and every source file as a page.

usage: build.py [ROOT [OUT [FIGURES]]]      OUT is ROOT/build/docs

FIGURES is the folder into which build/figures has drawn; without it the copies in docs/figures are shown.

Needs pandoc, and KaTeX with node (scripts/install_deps.sh docs). The pages need no network and open from the disk.
"""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # the gates know what a tag and a snippet are

import chapters  # noqa: E402
import check_tags  # noqa: E402
import figures as drawn  # noqa: E402
import sources as program  # noqa: E402
import tree  # noqa: E402

# What a reader of docs/*.md wants first; pages that are not named here follow by name.
FIRST = ["reading_order", "what_to_expect", "mistakes", "layout", "why", "adding_an_op", "debugging_cuda", "performance"]
PART_TWO = 12  # the chapter that opens Part II


def katex_folder():
    """The package to which the program `katex` belongs: it holds the renderer, the style sheet and the fonts."""
    found = shutil.which("katex")
    if not found or not shutil.which("node"):
        raise SystemExit("KaTeX and node are needed; scripts/install_deps.sh --print docs prints the command")
    for folder in pathlib.Path(found).resolve().parents:
        if (folder / "dist/katex.min.css").is_file():
            return folder
    raise SystemExit(f"no katex.min.css in the package of {found}")


def render(formulas, katex):
    """The HTML of all formulas, by one run of KaTeX."""
    command = ["node", str(HERE / "render_math.js"), str(katex)]
    result = subprocess.run(
        command, input=json.dumps(formulas), stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return json.loads(result.stdout)


def chapter_order(name):
    match = re.match(r"(\d+)(.*)", pathlib.PurePosixPath(name).name)
    return (int(match.group(1)), match.group(2)) if match else (10**6, name)


def parts_of(root):
    """The sidebar in reading order: (title of a part, its Markdown files)."""
    derivations = sorted(
        (path.relative_to(root).as_posix() for path in root.glob("docs/derivations/*.md")), key=chapter_order
    )
    others = [path.relative_to(root).as_posix() for path in root.glob("docs/*.md")]

    def preference(name):
        stem = pathlib.PurePosixPath(name).stem
        return (FIRST.index(stem) if stem in FIRST else len(FIRST), name)

    others.sort(key=preference)
    first = [name for name in others if preference(name)[0] < 3]
    return [
        ("Start", ["README.md", *first]),
        ("Part I: the machine", [name for name in derivations if chapter_order(name)[0] < PART_TWO]),
        ("Part II: diffusion", [name for name in derivations if chapter_order(name)[0] >= PART_TWO]),
        ("The house", [name for name in others if name not in first]),
    ]


def read_pages(parts, sources, figures, faults):
    """All pages, and those that they link to, by name."""
    pages, waiting = {}, [name for _, names in parts for name in names]
    while waiting:
        name = waiting.pop(0)
        if name in pages:
            continue
        pages[name] = chapters.Page(name, sources, figures, faults)
        waiting += [path for path in pages[name].linked if path.endswith(".md") and (sources.root / path).is_file()]
    return pages


def marks_of(root):
    """tag -> the mark on its line, as in check_tags: of a [definition] nobody asks a proof, of a [step] no code."""
    found = {}
    for _, line in check_tags.lines_of(root, ["docs/derivations"], {".md"}):
        mark = next((mark for mark in tree.MARKS if f"[{mark}]" in line), None)
        found.update((first or second, mark) for first, second in check_tags.DEFINED.findall(line) if mark)
    return found


def equations_of(pages, faults):
    """The address of every equation, by its tag."""
    found = {}
    for page in pages.values():
        for tag, url in page.equations.items():
            if tag in found:
                faults.add(page.name, f"({tag}) is defined a second time, first in {found[tag]}")
            found.setdefault(tag, url)
    return found


def check_cited(sources, equations, faults):
    for tags in (sources.in_code, sources.in_tests):
        for tag, places in tags.items():
            if tag not in equations:
                faults.add(f"{places[0][0]}:{places[0][1]}", f"({tag}) is defined in no chapter")


def sidebar(parts, pages, page_url, to_root):
    out = []
    for title, names in parts:
        rows = []
        for name in names:
            here = ' aria-current="page"' if pages[name].url == page_url else ""
            label = html.escape(re.sub(r" \([A-Z0-9, ]+\)$", "", pages[name].title).replace("$", ""))
            rows.append(f'<li><a href="{to_root}{pages[name].url}"{here}>{label}</a></li>')
        out.append(f"<h2>{html.escape(title)}</h2><ul>{''.join(rows)}</ul>" if rows else "")
    here = ' aria-current="page"' if page_url.startswith("src/") else ""
    out.append(f'<h2>The program</h2><ul><li><a href="{to_root}src/index.html"{here}>Sources</a></li></ul>')
    return "".join(out)


def neighbours(parts, pages, name, to_root):
    """Links to the page before and the page after."""
    order = [name for _, names in parts for name in names]
    if name not in order:
        return ""
    place, links = order.index(name), []
    for relation, step in (("prev", -1), ("next", 1)):
        if 0 <= place + step < len(order):
            other = pages[order[place + step]]
            links.append(f'<a rel="{relation}" href="{to_root}{other.url}">{html.escape(other.title)}</a>')
    return f'<nav class="neighbours">{"".join(links)}</nav>'


def sections_of(page):
    """What the search looks through: (heading, its anchor, words) for each heading of a page."""
    heading, anchor, words = page.title, "", []
    for block in page.tree["blocks"]:
        if block["t"] == "Header":
            yield heading, anchor, " ".join(words)
            heading, anchor, words = tree.text_of(block), block["c"][1][0], []
        else:
            words.append(readable(tree.text_of(block)))
    yield heading, anchor, " ".join(words)


def readable(text):
    """TeX without its signs: what somebody may type into the search."""
    text = re.sub(r"\\(?:tag|text|mathrm)\{([^}]*)\}", r" \1 ", text)
    signs = r"[\\{}$&]|\b(?:frac|left|right|qquad|quad|cdot|dots|hat|bar|tilde|mathbf|[bB]ig)\b"
    return " ".join(re.sub(signs, " ", text).split())


def search_index(parts, pages, sources):
    entries = []
    for name in dict.fromkeys([name for _, names in parts for name in names] + list(pages)):
        page = pages[name]
        for heading, anchor, words in sections_of(page):
            if words:
                url = page.url + (f"#{anchor}" if anchor else "")
                entries.append({"url": url, "page": page.title, "heading": heading, "text": words})
        for tag, url in page.equations.items():
            entries.append({"url": url, "page": page.title, "heading": f"({tag})", "text": ""})
    for name in sources.files:
        entries.append({"url": program.url_of_source(name), "page": name, "heading": name, "text": ""})
    return "window.INK_SEARCH = " + json.dumps(entries, ensure_ascii=False) + ";\n"


class Site:
    """The folder that is written, and the frame around every page."""

    def __init__(self, out, parts, pages):
        self.out, self.parts, self.pages = out, parts, pages
        self.template = (HERE / "template.html").read_text(encoding="utf-8")

    def put(self, url, text):
        path = self.out / url
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def page(self, url, title, body, kind="", after=""):
        to_root = "../" * url.count("/")
        values = {
            "title": html.escape(title),
            "root": to_root,
            "kind": kind,
            "sidebar": sidebar(self.parts, self.pages, url, to_root),
            "body": body,
            "after": after,
        }
        self.put(url, re.sub(r"\{\{(\w+)\}\}", lambda match: values[match.group(1)], self.template))

    def copy_assets(self, katex):
        for name in ("style.css", "page.js", "search.js"):
            self.put(name, (HERE / name).read_text(encoding="utf-8"))
        (self.out / "katex").mkdir()
        shutil.copyfile(katex / "dist/katex.min.css", self.out / "katex/katex.min.css")
        # All browsers that know this page's CSS take woff2, which the style sheet names first.
        fonts = (katex / "dist/fonts").resolve()
        (self.out / "katex/fonts").mkdir()
        for font in fonts.glob("*.woff2"):
            shutil.copyfile(font, self.out / "katex/fonts" / font.name)

    def copy_files(self, sources, figures):
        for path in {path for page in self.pages.values() for path in page.linked}:
            file = figures.file(path)
            if file.is_file() and not path.endswith(".md") and path not in sources.files:
                copy = self.out / "files" / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)


def build(root, out, fresh=None):
    """Writes the site; returns its faults and a line about it."""
    faults, katex, sources = chapters.Faults(), katex_folder(), program.Sources(root)
    parts, figures = parts_of(root), drawn.Figures(root, fresh, faults)
    pages = read_pages(parts, sources, figures, faults)
    if faults:
        return faults, ""
    equations = equations_of(pages, faults)
    check_cited(sources, equations, faults)
    rendered = iter(render([formula for page in pages.values() for formula in page.formulas], katex))

    site = Site(out, parts, pages)
    marks = marks_of(root)
    for name, page in pages.items():
        body = page.write([next(rendered) for _ in page.formulas], equations, marks)
        kind = "reading" if page.has_columns else ""
        site.page(page.url, page.title, body, kind, neighbours(parts, pages, name, page.to_root))
    for name in sources.files:
        url = program.url_of_source(name)
        highlighter = program.Highlighter(sources, "../" * url.count("/"), equations)
        site.page(url, name, program.source_page(highlighter, name), "program")
    for folder in sources.folders:
        url = program.url_of_folder(folder)
        site.page(url, folder, program.folder_page(sources, folder, "../" * url.count("/")), "program")
    site.copy_assets(katex)
    site.copy_files(sources, figures)
    site.put("search_index.js", search_index(parts, pages, sources))
    return faults, f"{len(pages)} pages, {len(sources.files)} source files, {len(equations)} equations"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent).resolve()
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "build/docs"
    fresh = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    started, unfinished = time.monotonic(), out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    faults, summary = build(root, unfinished, fresh)
    if faults:
        shutil.rmtree(unfinished, ignore_errors=True)
        print("\n".join(dict.fromkeys(faults)))
        return 1
    shutil.rmtree(out, ignore_errors=True)
    unfinished.rename(out)
    print(f"{out / 'index.html'}: {summary} ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
