"""Pandoc's tree of a page, as its JSON: to read it, to walk through it, to ask what is in a part of it."""

import re
import subprocess

import check_tags

TAG = re.compile(rf"\s*\\tag\{{({check_tags.TAG})\}}\s*")
REFERENCE = re.compile(rf"\(({check_tags.TAG})\)")
MARKS = ("definition", "step")
MARK = re.compile(rf"\s*(?:\\q?quad)?\s*\\text\{{\[({'|'.join(MARKS)})\]\}}\s*")


def pandoc(arguments, text):
    result = subprocess.run(["pandoc", *arguments], input=text, capture_output=True, encoding="utf-8", check=False)
    if result.returncode or result.stderr:
        raise SystemExit(f"pandoc {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def raw(text, kind="RawInline"):
    return {"t": kind, "c": ["html", text]}


def walk(node, visit):
    """Replaces every element of pandoc's tree, from the leaves up, by what visit(element) returns."""
    if isinstance(node, list):
        return [walk(child, visit) for child in node]
    if isinstance(node, dict):
        node = {key: walk(value, visit) for key, value in node.items()}
        return visit(node) if "t" in node else node
    return node


def text_of(node):
    """The words of a part of the tree."""
    words = []

    def visit(element):
        kind, content = element["t"], element.get("c")
        if kind == "Str":
            words.append(content)
        elif kind in ("Space", "SoftBreak", "LineBreak"):
            words.append(" ")
        elif kind in ("Code", "Math", "CodeBlock"):
            words.append(content[1])
        return element

    walk(node, visit)
    return "".join(words)


def formulas_in(cell):
    found = []

    def visit(element):
        if element["t"] == "Math":
            found.append(element["c"][1])
        return element

    walk(cell, visit)
    return found


def identifiers_in(cell):
    """For each part of a cell, between commas, its identifiers: the first code, and those after an "or"."""
    parts, free = [[]], True

    def visit(element):
        nonlocal free
        if element["t"] == "Code" and free:
            parts[-1].append(element["c"][1])
            free = False
        elif element["t"] == "Str" and "," in element["c"]:
            parts.append([])
            free = True
        elif element["t"] == "Str":
            # "`score`, in blocks" is one part.
            if element["c"] == "in" and len(parts) > 1 and not parts[-1]:
                parts.pop()
            free = free or element["c"] == "or"
        return element

    walk(cell, visit)
    return parts if any(parts) else []


def tags_in(block):
    """The tags that a block defines, in order."""
    found = []

    def visit(element):
        if element["t"] == "Math":
            found.extend(TAG.findall(element["c"][1]))
        elif element["t"] == "Strong":
            found.extend(REFERENCE.findall(text_of(element["c"])))
        return element

    walk(block, visit)
    return found
