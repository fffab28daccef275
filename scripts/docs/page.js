// The page's own behaviour: light and dark, the sidebar on a phone, and the symbols that light up together.
'use strict';

// ---- light and dark

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

document.getElementById('theme').addEventListener('click', () => {
  const theme = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('theme', theme);
  } catch (denied) {
    // Without storage the choice lasts as long as the page.
  }
});

// ---- the sidebar

const menu = document.getElementById('menu');

function openMenu(open) {
  document.body.classList.toggle('menu-open', open);
  menu.setAttribute('aria-expanded', String(open));
}

menu.addEventListener('click', () => openMenu(!document.body.classList.contains('menu-open')));
document.getElementById('content').addEventListener('click', () => openMenu(false));

const sidebar = document.getElementById('sidebar');
const here = sidebar.querySelector('[aria-current]');
if (here && here.offsetTop > sidebar.clientHeight) sidebar.scrollTop = here.offsetTop - sidebar.clientHeight / 2;

// ---- formulas a little too wide for their column are set smaller; what is wider still can be scrolled

const SMALLEST = 0.72;
const SMALL = 0.85;
const formulas = [...document.querySelectorAll('.formula')];

function fitFormulas() {
  formulas.forEach((formula) => { formula.style.fontSize = ''; });
  const shares = formulas.map((formula) => formula.clientWidth / formula.scrollWidth);
  formulas.forEach((formula, place) => {
    const share = 0.99 * shares[place];
    if (shares[place] < 1) formula.style.fontSize = `${share < SMALLEST ? SMALL : share}em`;
  });
}

document.fonts.ready.then(fitFormulas);
addEventListener('resize', () => requestAnimationFrame(fitFormulas));

// ---- symbols: .sym carries one class s3 for each symbol it stands for

const legend = document.getElementById('legend');
let pinned = null;

function classesOf(element) {
  return [...element.classList].filter((name) => /^s\d+$/.test(name));
}

function rowsOf(names) {
  const selector = names.map((name) => `table.symbols .${name}`).join(',');
  return new Set([...document.querySelectorAll(selector)].map((element) => element.closest('tr')));
}

function showLegend(names) {
  const rows = [...rowsOf(names)].filter((row) => row && row.cells[0].querySelector('.sym'));
  legend.replaceChildren(...rows.slice(0, 2).map((row) => {
    const line = document.createElement('p');
    [...row.cells].forEach((cell) => {
      const part = document.createElement('span');
      part.append(...[...cell.childNodes].map((node) => node.cloneNode(true)));
      line.append(part);
    });
    return line;
  }));
  legend.hidden = rows.length === 0;
}

function light(element) {
  document.querySelectorAll('.lit').forEach((lit) => lit.classList.remove('lit'));
  legend.hidden = true;
  if (!element) return;
  const names = classesOf(element);
  showLegend(names);
  document.querySelectorAll(names.map((name) => `.sym.${name}`).join(',')).forEach((match) => {
    match.classList.add('lit');
  });
}

document.addEventListener('pointerover', (event) => {
  const symbol = event.target.closest('.sym');
  if (event.pointerType !== 'touch' && !legend.contains(event.target)) light(symbol || pinned);
});

document.addEventListener('click', (event) => {
  const symbol = event.target.closest('.sym');
  if (symbol && symbol.closest('a')) return;
  pinned = symbol && symbol !== pinned ? symbol : null;
  light(pinned);
});

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    pinned = null;
    light(null);
    openMenu(false);
  }
  const symbol = event.key === 'Enter' && event.target.closest('.sym');
  if (symbol) light(pinned = symbol);
});

// With the keyboard one goes through the symbols of the table.
document.querySelectorAll('table.symbols td:first-child .sym').forEach((symbol) => {
  symbol.tabIndex = 0;
  symbol.addEventListener('focus', () => light(symbol));
  symbol.addEventListener('blur', () => light(pinned));
});
