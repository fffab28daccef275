#!/usr/bin/env python3
"""Opens the pages of a built site in a headless browser and looks for faults.

usage: check_site.py SITE [PAGE ...]      without a page, all that are not sources, and some that are
"""

import html.parser
import os
import pathlib
import re
import sys
import urllib.parse

import browser as chromium

SCRIPT = (pathlib.Path(__file__).parent / "in_page.js").read_text(encoding="utf-8")
DESKTOP, PHONE = (1440, 900), (390, 844)
SOURCE_PAGES = 6  # of the pages of sources, all alike, only some are opened


class Anchors(html.parser.HTMLParser):
    """The ids of a page and the addresses that it names."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src") and not (tag == "link" and value.startswith("data:")):
                self.links.add(value)


def check_links(site, pages):
    """Every address leads to a file of the site, and to an anchor that is there."""
    known = {}  # path -> Anchors, or None where there is no file

    def anchors(path):
        if path not in known:
            is_page = path.endswith(".html")
            known[path] = (Anchors(pathlib.Path(path)) if is_page else True) if os.path.isfile(path) else None
        return known[path]

    for page in pages:
        here = str(site / page)
        for link in sorted(anchors(here).links):
            path, _, fragment = urllib.parse.unquote(link).partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            target = anchors(os.path.normpath(os.path.join(os.path.dirname(here), path)) if path else here)
            if target is None:
                yield f"{page}: a link to {link}, which is not there"
            elif fragment and target is not True and fragment not in target.ids:
                yield f"{page}: a link to {link}, where there is no such anchor"


def check_highlighting(tab):
    """Every symbol of the table is marked, and lights up in the table, in the equations and in the code."""
    found = tab.evaluate("inkCheck.symbols()")
    if not found:
        return ["no symbol of the table is marked"]
    if not any(symbol["equations"] for symbol in found):
        return ["no symbol of the table is found in an equation"]
    faults = []
    for symbol in found:
        if symbol["equations"]:
            faults += check_hover(tab, symbol["name"], f".equation .sym.{symbol['name']}")
    # The one that can be seen everywhere.
    best = max(found, key=lambda symbol: (min(symbol["equations"], 1) + min(symbol["code"], 1), symbol["all"]))
    place = f"table.symbols td:first-child .sym.{best['name']}"
    return faults + check_hover(tab, best["name"], place) + check_click(tab, best["name"], place)


def check_hover(tab, name, place):
    """The mouse on a symbol lights up all its places and shows its row of the table; away from it, none."""
    tab.mouse("mouseMoved", *tab.evaluate(f"inkCheck.middle({place!r})"))
    lit = tab.evaluate(f"inkCheck.lit({name!r})")
    faults = []
    if lit["own"] != lit["all"] or not lit["legend"]:
        faults.append(f"the mouse on {place} lights {lit['own']} of its {lit['all']} places")
    tab.mouse("mouseMoved", 1, 1)
    if tab.evaluate("document.querySelectorAll('.sym.lit').length"):
        faults.append("a symbol stays lit when the mouse has left")
    return faults


def check_click(tab, name, place):
    """A click keeps a symbol lit, Escape puts it out."""
    tab.click(*tab.evaluate(f"inkCheck.middle({place!r})"))
    tab.mouse("mouseMoved", 1, 1)
    lit, faults = tab.evaluate(f"inkCheck.lit({name!r})"), []
    if lit["own"] != lit["all"]:
        faults.append("a click does not keep a symbol lit")
    tab.key("Escape")
    if tab.evaluate("document.querySelectorAll('.sym.lit').length"):
        faults.append("Escape does not put a symbol out")
    return faults


def check_schemes(tab):
    faults = []
    for scheme, is_right in (("dark", lambda value: value < 80), ("light", lambda value: value > 180)):
        tab.scheme(scheme)
        if not is_right(tab.evaluate("inkCheck.brightness()")):
            faults.append(f"the page is not {scheme} where {scheme} is preferred")
        faults += [f"{scheme}: {fault}" for fault in tab.evaluate("inkCheck.contrast()")]
    return faults


def check_page(tab, site, page):
    """The faults of one page, on a desktop's screen and on a phone's."""
    tab.screen(*DESKTOP)
    tab.open((site / page).resolve().as_uri())
    tab.evaluate(SCRIPT + "0")
    faults = []
    for check in ("unrendered", "formulas", "tags", "overflow"):
        faults += tab.evaluate(f"inkCheck.{check}()")
    faults += check_schemes(tab)
    if "derivations/" in page and not page.startswith("src/"):
        faults += check_highlighting(tab)
    tab.screen(*PHONE)
    faults += tab.evaluate("inkCheck.overflow()")
    if tab.evaluate("getComputedStyle(document.querySelector('article')).display") != "block":
        faults.append("two columns on a phone")
    return [f"{page}: {fault}" for fault in dict.fromkeys([*tab.complaints(), *faults])]


def check_toggle(tab, site):
    """The button turns the page dark; it stays so after loading it again."""
    tab.screen(*DESKTOP)
    tab.scheme("light")
    tab.open((site / "index.html").resolve().as_uri())
    tab.evaluate(SCRIPT + "0")
    tab.click(*tab.evaluate("inkCheck.middle('#theme')"))
    faults = [] if tab.evaluate("inkCheck.brightness()") < 80 else ["the button does not turn the page dark"]
    faults += [f"chosen dark: {fault}" for fault in tab.evaluate("inkCheck.contrast()")]
    tab.open((site / "index.html").resolve().as_uri())
    tab.evaluate(SCRIPT + "0")
    if tab.evaluate("inkCheck.brightness()") > 80:
        faults.append("the choice of dark is forgotten")
    tab.click(*tab.evaluate("inkCheck.middle('#theme')"))
    return faults


def check_menu(tab, site):
    """On a phone the button opens the sidebar."""
    tab.screen(*PHONE)
    tab.open((site / "index.html").resolve().as_uri())
    tab.evaluate(SCRIPT + "0")
    tab.click(*tab.evaluate("inkCheck.middle('#menu')"))
    shown = tab.evaluate("getComputedStyle(document.getElementById('sidebar')).visibility")
    return [] if shown == "visible" else ["the button does not open the sidebar on a phone"]


def check_search(tab, site, words):
    """Typing `words` lists links that are there, and Enter follows the first."""
    tab.screen(*DESKTOP)
    tab.open((site / "index.html").resolve().as_uri())
    tab.key("/", "/")
    tab.call("Input.insertText", text=words)
    links = "[...document.querySelectorAll('#search ol a')].map((link) => link.href)"
    wait = f"new Promise((done) => setTimeout(() => done({links}), 20))"
    found = next(filter(None, (tab.evaluate(wait) for _ in range(50))), [])
    if not found:
        return [f"the search finds nothing for '{words}'"]
    file = pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(found[0]).path))
    if not file.is_file():
        return [f"the search leads to {found[0]}, which is not there"]
    tab.events.clear()
    tab.key("Enter", "\r")
    tab.wait_for("Page.loadEventFired")
    reached = tab.evaluate("location.href")
    return [] if reached == found[0] else [f"Enter in the search leads to {reached}"]


def pages_of(site):
    """(all pages of the site, those that the browser opens)"""
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    sources = [page for page in pages if page.startswith("src/")]
    step = max(len(sources) // SOURCE_PAGES, 1)
    return pages, [page for page in pages if page not in sources] + ["src/index.html", *sources[::step]]


def check_behaviour(tab, site):
    return [*check_toggle(tab, site), *check_menu(tab, site), *check_search(tab, site, "posterior")]


def main():
    site = pathlib.Path(sys.argv[1])
    every_page, opened = pages_of(site)
    opened = sys.argv[2:] or opened
    faults = list(check_links(site, sys.argv[2:] or every_page))
    with chromium.Browser() as tab:
        for page in opened:
            faults += check_page(tab, site, page)
        faults += check_behaviour(tab, site)
    for fault in faults:
        print(fault)
    print(f"{len(every_page)} pages with their links, {len(opened)} of them in the browser, {len(faults)} faults")
    return 1 if faults or not every_page else 0


if __name__ == "__main__":
    sys.exit(main())
