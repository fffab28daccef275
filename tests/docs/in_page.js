// What check_site.py asks of an open page. Each function returns a list of complaints or plain numbers.
'use strict';

window.inkCheck = {
  // TeX that nobody rendered: its signs in text that is neither code nor a formula.
  unrendered() {
    const found = [...document.querySelectorAll('.katex-error')].map((node) => `KaTeX error: ${node.textContent}`);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest('script, style, pre, code, .katex, .test')) continue;
      if (/\$|\\[a-zA-Z]+|\bsnippet-\d/.test(node.data)) found.push(`unrendered: ${node.data.trim().slice(0, 60)}`);
    }
    return found;
  },

  // Formulas are shown once, in KaTeX's own fonts; without its style sheet the MathML would be seen as well.
  async formulas() {
    await document.fonts.ready;
    const all = [...document.querySelectorAll('.katex')];
    const twice = all.some((node) => getComputedStyle(node.firstElementChild).position !== 'absolute');
    const loaded = [...document.fonts].some((font) => font.family.includes('KaTeX') && font.status === 'loaded');
    const found = twice ? ['formulas without the style sheet of KaTeX'] : [];
    return all.length > 0 && !loaded ? [...found, 'formulas without the fonts of KaTeX'] : found;
  },

  // Every tagged equation has its anchor and its card; every card leads to the program and to a test.
  tags() {
    const found = [];
    for (const equation of document.querySelectorAll('.equation[id]')) {
      if (!equation.querySelector(`a.tag[href="#${equation.id}"]`)) found.push(`(${equation.id}) shows no tag`);
      const card = document.querySelector(`.card[data-tag="${equation.id}"]`);
      const mark = equation.querySelector('.tag small');
      if (mark && mark.textContent === 'definition') continue;
      const leads = (place) => card.querySelector(place) !== null;
      if (!card) found.push(`(${equation.id}) has no card`);
      else if (!mark && !leads('.code a.place[href*="src/"]')) found.push(`(${equation.id}) leads to no code`);
      else if (!leads('.test a[href*="src/tests/"]')) found.push(`(${equation.id}) leads to no test`);
    }
    return found;
  },

  // What reaches past the right edge of the screen.
  overflow() {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll('main *')].filter((node) => {
      const scrolls = node.parentElement.closest('pre, .wide, .formula, .figure, #sidebar, .card li');
      return !scrolls && node.getBoundingClientRect().right > width + 1;
    });
    const names = wide.slice(0, 3).map((node) => `${node.tagName.toLowerCase()}.${node.className}`);
    return [`wider than its screen of ${width}: ${document.documentElement.scrollWidth} (${names.join(', ')})`];
  },

  // Text whose colour is too near to what lies behind it.
  contrast() {
    const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
    const luminance = (colour) => {
      const [r, g, b] = channels(colour).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (node) => {
      for (let at = node; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if ((channels(colour)[3] ?? 1) > 0.5) return colour;
      }
      return 'rgb(255, 255, 255)';
    };
    const kinds = 'p, h1, h2, td, th, p a, p code, pre code, .comment, .keyword, .string, #sidebar a, #sidebar h2,' +
      'a.number, a.tag, .card a, .katex, #search input, .fig text';
    const found = new Set();
    for (const node of document.querySelectorAll(kinds)) {
      const colour = node.closest('.fig') ? getComputedStyle(node).fill : getComputedStyle(node).color;
      const [one, two] = [luminance(colour), luminance(behind(node))];
      const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      if (ratio < 4.5) found.add(`contrast ${ratio.toFixed(1)} of ${node.tagName.toLowerCase()}.${node.getAttribute('class') || ''}`);
    }
    return [...found].slice(0, 4);
  },

  // Luminance of the page's own background, 0 to 255.
  brightness() {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
    return (r + g + b) / 3;
  },

  // For every symbol of the table, where it occurs besides.
  symbols() {
    const names = new Set();
    for (const node of document.querySelectorAll('table.symbols td:first-child .sym')) {
      [...node.classList].filter((name) => /^s\d+$/.test(name)).forEach((name) => names.add(name));
    }
    const count = (name, places) => document.querySelectorAll(places.map((place) => `${place} .sym.${name}`)).length;
    return [...names].map((name) => ({
      name,
      equations: count(name, ['.equation']),
      code: count(name, ['.beside', 'article code']),
      all: document.querySelectorAll(`.sym.${name}`).length,
    }));
  },

  // The middle of the first such element, scrolled into view.
  middle(selector) {
    const node = document.querySelector(selector);
    node.scrollIntoView({block: 'center', behavior: 'instant'});
    const box = node.getClientRects()[0];
    return [box.left + box.width / 2, box.top + box.height / 2];
  },

  lit(name) {
    const lit = [...document.querySelectorAll('.sym.lit')].filter((node) => !node.closest('#legend'));
    return {
      own: lit.filter((node) => node.classList.contains(name)).length,
      all: document.querySelectorAll(`article .sym.${name}`).length,
      legend: !document.getElementById('legend').hidden,
    };
  },
};
