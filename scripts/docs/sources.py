"""The program as pages: every source file with numbered lines, and who cites or proves which equation."""

import collections
import html
import pathlib
import re

import check_tags
import symbols

ROOMS = [*check_tags.CODE, "tests", "bench", "data", "scripts", "cmake"]
SUFFIXES = {*check_tags.SUFFIXES, ".py", ".sh", ".cmake", ".js", ".css", ".html", ".txt", ".json"}
AT_ROOT = ["CMakeLists.txt", "CMakePresets.json", "Makefile", "LICENSE"]
LARGEST = 200_000  # bytes; what is longer is data

CPP_WORDS = set(
    """alignas auto bool break case catch char class const constexpr continue default delete do double else enum
    explicit extern false final float for friend if inline int long mutable namespace new noexcept nullptr operator
    override private protected public requires return short signed sizeof static static_assert static_cast struct
    switch template this throw true try typedef typename union unsigned using virtual void volatile while
    __global__ __device__ __host__ __shared__""".split()
)
PYTHON_WORDS = set(
    """and as assert break class continue def del elif else except False finally for from global if import in is
    lambda None not or pass raise return True try while with yield""".split()
)
STRING = r"(?P<string>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])+')"
REST = r"(?P<number>\d[\w.']*)|(?P<word>[A-Za-z_]\w*)|(?P<space>\s+)|(?P<other>.)"
CPP = re.compile(rf"(?P<comment>//.*|/\*.*?(?:\*/|$))|(?P<preprocessor>^\s*#\s*\w+)|{STRING}|{REST}")
SCRIPT = re.compile(rf"(?P<comment>(?<![\w$&{{])\#.*)|{STRING}|{REST}")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


class Sources:
    """All files of the program under `root`, and the lines that cite or prove an equation."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        for path in self._paths():
            name = path.relative_to(root).as_posix()
            self.files[name] = path.read_text(encoding="utf-8", errors="replace").splitlines()
        self.folders = {parent.as_posix() for name in self.files for parent in pathlib.PurePosixPath(name).parents}
        self.in_code = collections.defaultdict(list)  # tag -> (file, line)
        self.in_tests = collections.defaultdict(list)  # tag -> (file, line, the string that carries it)
        self.tests = {}  # name of a test -> (file, line)
        self._index_tags()

    def _paths(self):
        for room in ROOMS:
            for path in sorted((self.root / room).rglob("*")):
                hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(self.root).parts)
                if path.is_file() and path.suffix in SUFFIXES and not hidden and path.stat().st_size < LARGEST:
                    yield path
        yield from (self.root / name for name in AT_ROOT if (self.root / name).is_file())

    def _index_tags(self):
        for name, lines in self.files.items():
            room, suffix = name.split("/")[0], pathlib.PurePosixPath(name).suffix
            if suffix not in check_tags.SUFFIXES:
                continue
            for number, line in enumerate(lines, 1):
                if room in check_tags.CODE:
                    for tag in dict.fromkeys(check_tags.CITED.findall(check_tags.comment_of(line))):
                        self.in_code[tag].append((name, number))
                elif room == "tests":
                    self._index_strings(name, number, line)

    def _index_strings(self, name, number, line):
        # A long name stands on the line after its TEST_CASE(.
        is_name = "TEST_CASE" in line or self.files[name][max(number - 2, 0)].rstrip().endswith("TEST_CASE(")
        for text in check_tags.STRING.findall(line):
            if is_name:
                self.tests[text[1:-1]] = name, number
            for tag in dict.fromkeys(check_tags.CITED.findall(text)):
                self.in_tests[tag].append((name, number, text[1:-1] if is_name else ""))

    def find(self, name, run):
        """The number of the first line of `run` in file `name`; None if it is not there (any more)."""
        lines = [line.rstrip() for line in self.files.get(name, [])]
        for start in range(len(lines) - len(run) + 1):
            if lines[start : start + len(run)] == run:
                return start + 1
        return None

    def is_comment(self, name, number):
        return self.files[name][number - 1].lstrip().startswith("//")

    def is_declaration(self, name, number):
        return name.endswith(".h") and self.is_comment(name, number)

    def code_beside(self, name, number):
        """The line of code that a citation speaks of: where its statement begins, or what follows a comment."""
        lines = [line.strip() for line in self.files[name]]
        if self.is_comment(name, number):
            passed = ("//", "template")
            following = next((line for line in range(number, len(lines)) if not lines[line].startswith(passed)), 0)
            return following + 1 if is_code(lines[following]) else number
        for line in range(number, max(number - 8, 1), -1):
            before = check_tags.STRING.sub("", lines[line - 2]).partition("//")[0].strip()
            if not before or before.endswith((";", "{", "}", ":")):
                return line
        return number


def is_code(line):
    return line and not line.startswith(("//", "#", "namespace"))


def tokens_of(lines, suffix, link):
    """For each line its tokens (text, kind); `link` makes HTML of a comment and of an included file."""
    is_cpp = suffix in check_tags.SUFFIXES or suffix in (".js", ".css")
    words = CPP_WORDS if is_cpp else PYTHON_WORDS if suffix == ".py" else set()
    in_comment = False
    for line in lines:
        tokens, rest = [], line
        if in_comment:
            end = line.find("*/")
            cut = len(line) if end < 0 else end + 2
            tokens.append((line[:cut], "comment"))
            rest, in_comment = line[cut:], end < 0
        included = INCLUDE.match(line) if is_cpp else None
        for match in (CPP if is_cpp else SCRIPT).finditer(rest):
            kind, text = match.lastgroup, match.group()
            if kind == "comment":
                in_comment = is_cpp and text.startswith("/*") and not text.endswith("*/")
                tokens.append((text, link("comment", text) or "comment"))
            elif kind == "word":
                tokens.append((text, "keyword" if text in words else None))
            elif kind == "string" and included:
                tokens.append((text, link("include", text) or "string"))
            else:
                tokens.append((text, kind if kind in ("string", "number", "preprocessor") else None))
        yield tokens


class Highlighter:
    """Makes HTML of lines of code; on a page `root` levels below the start, with the symbols of its chapter."""

    def __init__(self, sources, to_root, equations, table=None):
        self.sources, self.to_root, self.equations = sources, to_root, equations
        self.table = table or symbols.SymbolTable()

    def lines(self, name, first=1, last=None):
        """The HTML of lines first..last of a file."""
        wanted = self.sources.files[name][first - 1 : last]
        return self.highlight(wanted, pathlib.PurePosixPath(name).suffix)

    def highlight(self, lines, suffix):
        return [self.table.mark_code(tokens) for tokens in tokens_of(lines, suffix, self._link)]

    def _link(self, kind, text):
        if kind == "include":
            name = text.strip('"')
            if name not in self.sources.files:
                return None
            url = f"{self.to_root}{url_of_source(name)}"
            return f'<a class="string" href="{url}">{html.escape(text)}</a>'

        def reference(match):
            url = self.equations.get(match.group(1))
            return f'<a href="{self.to_root}{url}">{match.group()}</a>' if url else match.group()

        return f'<span class="comment">{check_tags.CITED.sub(reference, html.escape(text, quote=False))}</span>'


def url_of_source(name, line=None):
    return f"src/{name}.html" + (f"#L{line}" if line else "")


def url_of_folder(name):
    return f"src/{name}/index.html" if name != "." else "src/index.html"


def source_page(highlighter, name):
    """The body of a file's page: a line is an anchor, #L12."""
    rows = "\n".join(
        f'<span class="line" id="L{number}"><a class="number" href="#L{number}">{number}</a>{line}</span>'
        for number, line in enumerate(highlighter.lines(name), 1)
    )
    parts = name.split("/")
    crumbs = [
        f'<a href="{highlighter.to_root}{url_of_folder("/".join(parts[:depth]))}">{html.escape(parts[depth - 1])}</a>'
        for depth in range(1, len(parts))
    ]
    path = " / ".join([*crumbs, html.escape(parts[-1])])
    return f'<h1 class="path">{path}</h1>\n<pre class="source"><code>{rows}</code></pre>'


def folder_page(sources, folder, to_root):
    """The body of a folder's page: the folders and files in it."""
    inside = {}
    prefix = "" if folder == "." else folder + "/"
    for name in sources.files:
        if name.startswith(prefix):
            head, _, tail = name[len(prefix) :].partition("/")
            inside[head] = url_of_folder(prefix + head) if tail else url_of_source(prefix + head)
    ordered = sorted(inside.items(), key=lambda item: (not item[1].endswith("/index.html"), item[0]))
    rows = "".join(
        f'<li><a href="{to_root}{url}">{html.escape(head)}{"/" if url.endswith("/index.html") else ""}</a></li>'
        for head, url in ordered
    )
    title = "Sources" if folder == "." else html.escape(folder + "/")
    return f'<h1 class="path">{title}</h1>\n<ul class="files">{rows}</ul>'
