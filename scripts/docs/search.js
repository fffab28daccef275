// Search over the prebuilt index, which is a script so that it loads from the disk too.
'use strict';

const form = document.getElementById('search');
const input = form.querySelector('input');
const list = form.querySelector('ol');
const root = document.body.dataset.root;
const SHOWN = 12;

// The index is fetched when somebody first wants to search.
let index = null;

function loadIndex() {
  if (index) return index;
  index = new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = `${root}search_index.js`;
    script.onload = () => resolve(window.INK_SEARCH.map((entry) => ({
      ...entry,
      inHeading: entry.heading.toLowerCase(),
      inText: entry.text.toLowerCase(),
      inPage: entry.page.toLowerCase(),
    })));
    document.head.append(script);
  });
  return index;
}

// Every word has to occur; a heading counts more than the text below it.
function score(entry, words) {
  let sum = 0;
  for (const word of words) {
    const count = (entry.inHeading.includes(word) ? 8 : 0) + (entry.inPage.includes(word) ? 2 : 0) +
      Math.min(entry.inText.split(word).length - 1, 4);
    if (count === 0) return 0;
    sum += count;
  }
  return sum;
}

// The words around the first match.
function excerpt(entry, words) {
  const at = Math.max(0, ...words.map((word) => entry.inText.indexOf(word)));
  const start = at < 40 ? 0 : entry.text.indexOf(' ', at - 40) + 1;
  return (start > 0 ? '… ' : '') + entry.text.slice(start, start + 140);
}

function row(entry, words) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  const parts = [['strong', entry.heading], ['small', entry.page === entry.heading ? '' : entry.page],
    ['span', excerpt(entry, words)]];
  link.href = root + entry.url;
  for (const [kind, text] of parts) {
    const part = document.createElement(kind);
    part.textContent = text;
    if (text) link.append(part);
  }
  item.append(link);
  return item;
}

async function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const entries = await loadIndex();
  const found = words.length === 0 ? [] : entries
    .map((entry) => [score(entry, words), entry])
    .filter(([points]) => points > 0)
    .sort(([a], [b]) => b - a)
    .slice(0, SHOWN)
    .map(([, entry]) => row(entry, words));
  if (words.length > 0 && found.length === 0) {
    const item = document.createElement('li');
    item.textContent = 'Nothing found.';
    found.push(item);
  }
  list.replaceChildren(...found);
  list.hidden = found.length === 0;
}

function move(step) {
  const links = [...list.querySelectorAll('a')];
  const next = links.indexOf(document.activeElement) + step;
  (next < 0 ? input : links[Math.min(next, links.length - 1)] || input).focus();
}

input.addEventListener('focus', loadIndex);
input.addEventListener('input', search);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const first = list.querySelector('a');
  if (first) location.href = first.href;
});
document.addEventListener('click', (event) => {
  if (!form.contains(event.target) || event.target.closest('a')) list.hidden = true;
});
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && event.target !== input) {
    event.preventDefault();
    input.focus();
  } else if (form.contains(event.target) && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
    event.preventDefault();
    move(event.key === 'ArrowDown' ? 1 : -1);
  } else if (event.key === 'Escape') {
    list.hidden = true;
  }
});
