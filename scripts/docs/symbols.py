"""Finds the symbols of a chapter's table, symbol | identifier | shape, in its equations and in its code.

Every symbol gets a number. Its occurrences in TeX are wrapped in \\htmlClass{sym s3}{...} and its identifiers in code
in <span class="sym s3">, so that the page can light up all of them at once by their class.
"""

import html
import re

TEX_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
CODE_TOKEN = re.compile(r"\s+|[A-Za-z_]\w*|\d[\w.']*|.")

# Commands whose argument holds words, not symbols.
WORDS = {r"\text", r"\mathrm", r"\operatorname", r"\begin", r"\end", r"\tag"}
# Commands that make one symbol of their argument: the x in \hat x is not x.
ACCENTS = {r"\hat", r"\bar", r"\tilde", r"\vec", r"\dot", r"\mathbf", r"\mathbb", r"\mathcal", r"\left", r"\right"}
GREEK = {rf"\{name}" for name in "alpha beta gamma delta epsilon theta lambda mu nu sigma tau omega xi".split()}
# After these TeX takes a single token, so that a longer match would change the meaning.
TAKES_ONE = {"_", "^", r"\sqrt", r"\frac", r"\tfrac", r"\dfrac"}


def parse_tex(tex):
    """A list of nodes: a string for a token, a list for a group in braces; None if the braces do not match."""
    stack = [[]]
    for token in TEX_TOKEN.findall(tex):
        if token == "{":
            stack.append([])
        elif token == "}":
            if len(stack) == 1:
                return None
            group = stack.pop()
            stack[-1].append(group)
        else:
            stack[-1].append(token)
    return stack[0] if len(stack) == 1 else None


def is_blank(node):
    return isinstance(node, str) and node.isspace()


def key_of(node):
    """What two ways of writing the same have in common: {t} is t, blanks do not count."""
    if isinstance(node, str):
        return node
    inner = [key_of(child) for child in node if not is_blank(child)]
    return inner[0] if len(inner) == 1 else tuple(inner)


def keys_of(tex):
    return tuple(key_of(node) for node in parse_tex(tex) or [] if not is_blank(node))


def symbol_key(tex):
    """The tokens by which a cell of the table is recognised: without its arguments, sign or value."""
    keys = keys_of(tex)
    if keys[:1] == (r"\pm",):
        keys = keys[1:]
    if "=" in keys:
        keys = keys[: keys.index("=")]
    # f(x) is recognised by f; x / (1 - p) and x \sim N(0, 1) are as they are.
    if keys and keys[-1] == ")" and "(" in keys[1:]:
        head = keys[: keys.index("(")]
        if not {"/", "-", "+", r"\sim"} & set(head):
            return head + ("(",) if len(head) == 1 and head[0].isalpha() else head
    return keys


def is_letter(part):
    return isinstance(part, str) and part.isalpha()


def bases_of(keys):
    """Shorter forms: sigma_t^2 is also known by sigma_t, and an index may have another letter."""
    if len(keys) > 2 and keys[-2] == "^" and keys[-1] == "2":
        keys = keys[:-2]
        yield keys
    if len(keys) > 2 and keys[-2] == "_" and all(is_letter(part) for part in keys[-1]):
        yield keys[:-2]


def code_key(code):
    """The tokens of an identifier: of a path such as schedule.beta or Node::vjp() its last part."""
    code = re.sub(r"\[\w+\]$|\([^()]*\)$", "", code.strip())
    code = re.sub(r"\(\)$", "", code)
    if re.fullmatch(r"[\w.:()]+", code):
        code = re.split(r"[.:]+", code)[-1].replace("()", "")
    return tuple(token for token in CODE_TOKEN.findall(code) if not token.isspace())


class SymbolTable:
    """The symbols of one chapter; add rows, then mark_tex and mark_code."""

    def __init__(self):
        self.numbers = {}  # key of a symbol -> its number
        self.aliases = {}  # a shorter key -> the numbers of the symbols it may stand for
        self.code = {}  # tokens of an identifier -> numbers

    def add_row(self, symbols, parts):
        """Pairs the symbols of a row with the parts of its second cell, each a list of identifiers."""
        numbers = [self._number(symbol) for symbol in symbols]
        if len(parts) == len(symbols):
            pairs = [([number], part) for number, part in zip(numbers, parts)]
        elif len(symbols) == 1 or all(parts):
            pairs = [(numbers, part) for part in parts]
        else:
            pairs = []  # which of the symbols the identifiers are for, nobody can tell
        for meant, identifiers in pairs:
            for key in filter(None, map(code_key, identifiers)):
                self.code.setdefault(key, set()).update(meant)

    def _number(self, tex):
        key = symbol_key(tex)
        number = self.numbers.setdefault(key, len(self.numbers))
        for base in bases_of(key):
            self.aliases.setdefault(base, set()).add(number)
        return number

    def _find(self, keys):
        if keys in self.numbers:
            return self.numbers[keys]
        aliases = self.aliases.get(keys, ())
        return next(iter(aliases)) if len(aliases) == 1 else None

    def _match(self, nodes, start, longest):
        """The longest symbol that begins at nodes[start]: (its number, the place after it), or None."""
        keys, best = [], None
        for place in range(start, len(nodes)):
            if is_blank(nodes[place]):
                continue
            keys.append(key_of(nodes[place]))
            if len(keys) > longest:
                break
            number = self._find(tuple(keys))
            if number is not None:
                best = number, place + 1
            # The symbol e(t) is an e before a parenthesis.
            call = self.numbers.get((*keys, "("))
            following = [node for node in nodes[place + 1 :] if not is_blank(node)][:1]
            if call is not None and following == ["("]:
                best = call, place + 1
        return best

    def mark_tex(self, tex):
        nodes = parse_tex(tex)
        # KaTeX says what is wrong with it better than we could.
        return tex if nodes is None else self._mark(nodes)

    def _mark(self, nodes):
        longest = max((len(key) for key in self.numbers), default=0)
        out, place, before = [], 0, ""
        while place < len(nodes):
            node = nodes[place]
            if is_blank(node):
                out.append(node)
                place += 1
                continue
            match = self._match(nodes, place, 1 if before in TAKES_ONE else longest)
            if match and not (match[1] == place + 1 and is_differential(nodes, place, before)):
                number, end = match
                end = after_scripts(nodes, place, end)
                body = "".join(text_of(inner) for inner in nodes[place:end])
                out.append(rf"{{\htmlClass{{sym s{number}}}{{{body}}}}}")
            elif isinstance(node, list):
                out.append("{" + self._mark(node) + "}")
                end = place + 1
            else:
                end = place + span_of(nodes, place, before)
                out += [text_of(inner) for inner in nodes[place:end]]
            before = nodes[end - 1] if isinstance(nodes[end - 1], str) else ""
            place = end
        return "".join(out)

    def mark_code(self, tokens):
        """HTML of a line of code; tokens are (text, class or None), and comments and strings stay as they are."""
        out, place = [], 0
        while place < len(tokens):
            numbers, end = self._match_code(tokens, place)
            body = "".join(span(text, kind) for text, kind in tokens[place:end])
            out.append(span_of_symbol(body, numbers))
            place = end
        return "".join(out)

    def _match_code(self, tokens, start):
        keys, best = [], (None, start + 1)
        if tokens[start][0].isspace():
            return best
        for place in range(start, len(tokens)):
            text, kind = tokens[place]
            if kind in ("comment", "string"):
                break
            if text.isspace():
                continue
            keys.append(text)
            if tuple(keys) in self.code:
                best = self.code[tuple(keys)], place + 1
            if len(keys) > 5:
                break
        return best


def text_of(node):
    return node if isinstance(node, str) else "{" + "".join(text_of(inner) for inner in node) + "}"


def after_scripts(nodes, start, end):
    """The end of nodes[start:end] with the power that follows: {x_t}^2 would stack its scripts as x_t^2 does not."""
    following = end
    while following < len(nodes) and is_blank(nodes[following]):
        following += 1
    if following < len(nodes) and "_" in nodes[start:end] and nodes[following] in ("^", "'"):
        return min(following + (2 if nodes[following] == "^" else 1), len(nodes))
    return end


def span_of(nodes, place, before):
    """How many nodes stand together and hold no symbol: \\text and its words, an accent and its letter, dx."""
    node = nodes[place]
    if node in WORDS or node in ACCENTS:
        end = place + 1
        while end < len(nodes) and is_blank(nodes[end]):
            end += 1
        return min(end + 1, len(nodes)) - place
    return 2 if is_differential(nodes, place, before) else 1


def is_differential(nodes, place, before):
    """Whether a d stands right before a letter: dx is neither d nor x."""
    following = nodes[place + 1] if place + 1 < len(nodes) else ""
    if nodes[place] != "d" or before in TAKES_ONE or not isinstance(following, str):
        return False
    return following.isalpha() or following in GREEK


def span(text, kind):
    """Escaped text of a kind; a kind that begins with < is finished HTML."""
    if kind and kind.startswith("<"):
        return kind
    text = html.escape(text, quote=False)
    return f'<span class="{kind}">{text}</span>' if kind else text


def span_of_symbol(body, numbers):
    if not numbers:
        return body
    return f'<span class="sym {" ".join(f"s{number}" for number in sorted(numbers))}">{body}</span>'


def plain_tokens(code):
    """The tokens of code that stands in prose."""
    return [(token, None) for token in CODE_TOKEN.findall(code)]
