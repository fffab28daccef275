"""One page of Markdown: read by pandoc, its formulas, code and links filled in, and written as HTML by pandoc.

A page is read into pandoc's tree. Its blocks stand in the left column of a grid; snippets of code and the cards of the
tagged equations stand in the right one, beside the block to which they belong.
"""

import html
import json
import posixpath
import re

import check_snippets
import sources as program
import symbols
from tree import MARK, REFERENCE, TAG, formulas_in, identifiers_in, pandoc, raw, tags_in, text_of, walk

SHOWN = 2  # lines of code, and tests, that a card shows before it is opened
FORMULA_END = "<!-- end of formula -->"
FOLLOWED = re.compile(rf'(<span class="katex">(?:(?!{FORMULA_END}).)*){FORMULA_END}([,.;:!?)]*)', re.DOTALL)
READER = "gfm+tex_math_dollars"


class Faults(list):
    """What is wrong with the docs, a line each."""

    def add(self, place, words):
        self.append(f"{place}: {words}")


def place_of_page(name):
    """Where the page of a Markdown file lies in the site."""
    if name == "README.md":
        return "index.html"
    return re.sub(r"\.md$", ".html", name.removeprefix("docs/") if name.startswith("docs/") else f"more/{name}")


class Page:
    """A Markdown file `name`: read() it, have its formulas rendered, then write() it."""

    def __init__(self, name, sources, figures, faults):
        self.name, self.sources, self.figures, self.faults = name, sources, figures, faults
        self.url = place_of_page(name)
        self.to_root = "../" * self.url.count("/")
        self.table = symbols.SymbolTable()
        self.formulas = []  # for render_math.js
        self.equations = {}  # tag -> url of its anchor
        self.linked = []  # files that the page links to
        self.read()

    # ---- reading

    def read(self):
        text = (self.sources.root / self.name).read_text(encoding="utf-8")
        self.snippets = list(self._snippets_in(text))
        numbered = iter(range(len(self.snippets)))
        text = re.sub(check_snippets.FENCE.pattern, lambda _: f"```snippet-{next(numbered, 0)}", text, flags=re.M)
        self.tree = json.loads(pandoc(["-f", READER, "-t", "json"], text))
        blocks = self.tree["blocks"]
        heading = next((block for block in blocks if block["t"] == "Header"), None)
        self.title = text_of(heading) if heading else self.name
        self._read_symbols(next((block for block in blocks if block["t"] == "Table"), None))
        self.tree = walk(self.tree, self._collect)

    def _snippets_in(self, text):
        """For every snippet its file and its runs of lines: (number of the first line, how many)."""
        for start, named, runs in check_snippets.snippets_of(self.sources.root / self.name):
            place, found = f"{self.name}:{start}", []
            if named is None:
                self.faults.add(place, "this block is never closed")
            elif named not in self.sources.files:
                self.faults.add(place, f"there is no source file {named}")
            for run in runs if named in self.sources.files else []:
                line = self.sources.find(named, run)
                if line is None:
                    self.faults.add(place, f"this is not in {named} (any more): {run[0].strip()}")
                else:
                    found.append((line, len(run)))
            if named is not None:
                yield named, found

    def _read_symbols(self, table):
        """Learns the symbols of the chapter from its first table, if that is one of symbols."""
        if table is None:
            return
        head, bodies = table["c"][3], table["c"][4]
        header = [text_of(cell) for row in head[1] for cell in row[1]]
        if header[:1] != ["symbol"]:
            return
        table["c"][0][1].append("symbols")
        for row in (row for body in bodies for row in body[3]):
            cells = [cell[4] for cell in row[1]]
            self.table.add_row(formulas_in(cells[0]), identifiers_in(cells[1]) or identifiers_in(cells[0]))

    def _collect(self, element):
        if element["t"] == "Math":
            kind, tex = element["c"][0]["t"], element["c"][1].strip()
            tags = TAG.findall(tex)
            mark = MARK.search(tex)
            bare = MARK.sub(" ", TAG.sub(" ", tex)).strip()
            if len(tags) > 1:
                self.faults.add(self.name, f"two tags in one formula: ({tags[0]}), ({tags[1]})")
            for tag in tags:
                self.equations[tag] = f"{self.url}#{tag}"
            marked = self.table.mark_tex(bare)
            element["place"] = len(self.formulas)
            self.formulas.append({"tex": bare, "marked": marked, "display": kind == "DisplayMath"})
            self.formulas[-1].update(tags=tags, mark=mark.group(1) if mark else "")
        elif element["t"] == "Strong":
            match = REFERENCE.fullmatch(text_of(element["c"]))
            if match:
                self.equations[match.group(1)] = f"{self.url}#{match.group(1)}"
        elif element["t"] == "Str" and re.search(r"\$\$|\\(tag|frac|begin|text)\b", element["c"]):
            self.faults.add(self.name, f"a formula that pandoc does not read as one: {element['c']}")
        elif element["t"] in ("Link", "Image"):
            self.linked.append(self._path_of(element["c"][2][0]))
        elif element["t"] in ("RawInline", "RawBlock"):
            element["c"][1] = re.sub(r'\b(src|href)="([^"]*)"', self._html_address, element["c"][1])
        return element

    def _html_address(self, match):
        """An address in HTML that stands in the Markdown, as in <img src="docs/images/a.png" width="300">."""
        self.linked.append(self._path_of(match.group(2)))
        return f'{match.group(1)}="{self._target(match.group(2))}"'

    def _path_of(self, url):
        """The file that a relative link names, seen from the root."""
        path = url.partition("#")[0]
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.name), path)) if path else self.name

    # ---- writing

    def write(self, rendered, equations, marks):
        """The HTML of the page's body, given its formulas, and for all tags their addresses and their marks."""
        self.rendered, self.all_equations, self.marks = rendered, equations, marks
        self.highlighter = program.Highlighter(self.sources, self.to_root, equations, self.table)
        blocks = self._columns(self.tree["blocks"])
        # Whole phrases first, then the words and codes that are left of them.
        tree = {**self.tree, "blocks": walk(walk(blocks, self._visit_phrase), self._visit)}
        body = pandoc(["-f", "json", "-t", "html5", "--wrap=preserve"], json.dumps(tree))
        body = FOLLOWED.sub(keep_together, body)
        return re.sub(r"(<table)(.*?</table>)", r'<div class="wide">\1\2</div>', body, flags=re.S)

    def _columns(self, blocks):
        """Takes the snippets out of the flow and puts them, with the cards, beside the block they belong to."""
        rows, beside = [], {}
        for block in blocks:
            snippet = re.match(r"snippet-(\d+)$", (block["c"][0][1] or [""])[0]) if block["t"] == "CodeBlock" else None
            if snippet:
                beside.setdefault(max(len(rows) - 1, 0), []).append(self._snippet(int(snippet.group(1))))
                continue
            rows.append(block)
            cards = [self._card(tag) for tag in tags_in(block)]
            if cards:
                beside.setdefault(len(rows) - 1, []).extend(cards)
        out, starts = [], sorted(beside)
        for row, block in enumerate(rows):
            out.append(block)
            if row in beside:
                following = next((start for start in starts if start > row), len(rows))
                style = f"--row: {row + 1}; --span: {following - row}"
                inner = "".join(beside[row])
                out.append(raw(f'<aside class="beside" style="{style}"><div>{inner}</div></aside>', "RawBlock"))
        self.has_columns = bool(beside)
        return out

    def _snippet(self, number):
        """The lines of a snippet as they stand in the source today, numbered."""
        name, runs = self.snippets[number]
        rows, indent = [], self._indent(name, runs)
        for start, count in runs:
            if rows:
                rows.append('<span class="line gap">⋯</span>')
            shown = self.highlighter.lines(name, start, start + count - 1)
            rows += [self._line(name, start + offset, line[indent:]) for offset, line in enumerate(shown)]
        first = runs[0][0] if runs else 1
        url = self.to_root + program.url_of_source(name, first)
        caption = f'<figcaption><a href="{url}">{name}:{first}</a></figcaption>'
        return f'<figure class="snippet">{caption}<pre><code>{"".join(rows)}</code></pre></figure>'

    def _indent(self, name, runs):
        """The blanks that all lines of a snippet begin with; the page has no room for them."""
        lines = [line for start, count in runs for line in self.sources.files[name][start - 1 : start - 1 + count]]
        return min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)

    def _line(self, name, number, line):
        url = self.to_root + program.url_of_source(name, number)
        return f'<span class="line"><a class="number" href="{url}">{number}</a>{line}</span>'

    def _card(self, tag):
        """Who computes an equation and who proves it: with links to the lines."""
        in_code, in_tests = self.sources.in_code.get(tag, []), self.sources.in_tests.get(tag, [])
        if not in_code and tag not in self.marks:
            self.faults.add(self.name, f"no comment of the code cites ({tag})")
        if not in_tests and self.marks.get(tag) != "definition":
            self.faults.add(self.name, f"no test is named after ({tag})")
        if not in_code and not in_tests:
            return ""
        # A line that computes says more than a declaration, the library more than a program that draws it, a test's
        # own name more than a table that repeats the tag.
        in_code = sorted(in_code, key=lambda place: (place[0].startswith("apps/"), self.sources.is_declaration(*place)))
        in_tests = sorted(in_tests, key=lambda test: (test[2] == "", test[2].startswith("figure ")))
        code = [f'<li class="code">{self._citation(*place)}</li>' for place in in_code]
        tests = [f'<li class="test">{self._proof(*test)}</li>' for test in in_tests]
        rows = f'<ul>{"".join(code[:SHOWN] + tests[:SHOWN])}</ul>{folded(code[SHOWN:] + tests[SHOWN:])}'
        return f'<section class="card" data-tag="{tag}"><a class="tag" href="#{tag}">({tag})</a>{rows}</section>'

    def _citation(self, name, line):
        shown = self.sources.code_beside(name, line)
        [code] = self.highlighter.lines(name, shown, shown)
        return f'{self._place(name, line)} <code>{code.strip()}</code>'

    def _proof(self, name, line, test):
        if not test:
            return self._place(name, line)
        label = html.escape(re.sub(r"\s+([:,])", r"\1", REFERENCE.sub("", test)).strip(" :"))
        url = self.to_root + program.url_of_source(name, line)
        return f'<a class="test" title="{html.escape(test)}" href="{url}">{label}</a>'

    def _place(self, name, line):
        url = self.to_root + program.url_of_source(name, line)
        return f'<a class="place" title="{name}" href="{url}">{posixpath.basename(name)}:{line}</a>'

    def _visit(self, element):
        kind, content = element["t"], element.get("c")
        if kind == "Math":
            return self._formula(element["place"])
        if kind == "Code":
            return self._code(content[1])
        if kind == "CodeBlock":
            return self._block_of_code(*content)
        if kind == "Str" and REFERENCE.search(content):
            return raw(self._references(content))
        if kind == "Image":
            svg = self.figures.svg(self._path_of(content[2][0]))
            if svg:
                return raw(f'<span class="figure">{svg.strip()}</span>')
        if kind in ("Link", "Image"):
            content[2][0] = self._target(content[2][0])
        return element

    def _visit_phrase(self, element):
        """The name of a test, the anchor of an equation in prose, the text of a link: what may hold no other link."""
        kind, content = element["t"], element.get("c")
        if kind == "Emph" and text_of(content) in self.sources.tests:
            url = self.to_root + program.url_of_source(*self.sources.tests[text_of(content)])
            return raw(f'<a class="test" href="{url}"><em>{html.escape(text_of(content))}</em></a>')
        if kind == "Strong" and REFERENCE.fullmatch(text_of(content)):
            tag = text_of(content).strip("()")
            return raw(f'<a class="tag" id="{tag}" href="#{tag}">({tag})</a>')
        if kind == "Link":
            content[1] = walk(content[1], self._visit_linked)
        return element

    def _visit_linked(self, element):
        return raw(self._marked(element["c"][1])) if element["t"] == "Code" else element

    def _formula(self, place):
        formula, result = self.formulas[place], self.rendered[place]
        if "error" in result:
            self.faults.add(self.name, f"KaTeX: {result['error']}")
            return raw("")
        if not formula["display"]:
            return raw(result["html"] + FORMULA_END)
        tag = "".join(formula["tags"])
        note = f"<small>{formula['mark']}</small>" if formula["mark"] else ""
        anchor = f'<a class="tag" href="#{tag}">({tag}){note}</a>' if tag else ""
        name = f' id="{tag}"' if tag else ""
        return raw(f'<span class="equation"{name}><span class="formula">{result["html"]}</span>{anchor}</span>')

    def _block_of_code(self, attributes, code):
        """Code that is in no file."""
        suffix = {"cpp": ".cpp", "python": ".py", "sh": ".sh", "bash": ".sh"}.get((attributes[1] or [""])[0], "")
        lines = self.highlighter.highlight(code.splitlines(), suffix) if suffix else [html.escape(code, quote=False)]
        return raw(f"<pre><code>{chr(10).join(lines)}</code></pre>", "RawBlock")

    def _code(self, code):
        """Code in prose: a link if it names a file, else its symbols marked."""
        path = code.strip("/")
        if path in self.sources.files:
            url = program.url_of_source(path)
        elif path in self.sources.folders and "/" in code:
            url = program.url_of_folder(path)
        else:
            return raw(self._marked(code))
        return raw(f'<a href="{self.to_root}{url}"><code>{html.escape(code)}</code></a>')

    def _marked(self, code):
        return f"<code>{self.table.mark_code(symbols.plain_tokens(code))}</code>"

    def _references(self, text):
        def link(match):
            url = self.all_equations.get(match.group(1))
            if url is None:
                self.faults.add(self.name, f"{match.group()} is defined in no chapter")
                return match.group()
            return f'<a class="ref" href="{self.to_root}{url}">{match.group()}</a>'

        return REFERENCE.sub(link, html.escape(text, quote=False))

    def _target(self, url):
        """Where a link of the Markdown leads in the site."""
        if re.match(r"[a-z]+:|#", url):
            return url
        path, (_, hash_sign, anchor) = self._path_of(url), url.partition("#")
        file = self.sources.root / path
        if path.endswith(".md") and file.is_file():
            return self.to_root + place_of_page(path) + hash_sign + anchor
        if path in self.sources.files:
            return self.to_root + program.url_of_source(path) + hash_sign + anchor
        if path in self.sources.folders:
            return self.to_root + program.url_of_folder(path)
        if path == "docs":
            return self.to_root + "index.html"
        if not file.is_file():
            self.faults.add(self.name, f"a link to {path}, which is not there")
        return self.to_root + f"files/{path}"


def keep_together(match):
    """Puts what follows a formula into its last unbreakable part: no line shall begin with a comma."""
    formula, punctuation = match.groups()
    last = formula.rfind('<span class="base">')
    if not punctuation or last < 0:
        return formula + punctuation
    closing = "</span></span>"  # of .katex-html and of .katex
    inner = formula[last:].removesuffix(closing)
    return f'{formula[:last]}<span class="together">{inner}<span class="text">{punctuation}</span></span>{closing}'


def folded(rows):
    """Rows of a list that are hidden until they are asked for."""
    return f"<details><summary>{len(rows)} more</summary><ul>{''.join(rows)}</ul></details>" if rows else ""
