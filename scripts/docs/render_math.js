// Renders formulas with KaTeX: reads [{tex, marked, display}] as JSON from stdin, writes [{html} or {error}].
//
//   node render_math.js FOLDER_OF_KATEX
//
// `marked` is `tex` with its symbols wrapped in \htmlClass; the MathML keeps the formula as it was written.
'use strict';

const katex = require(process.argv[2]);

function escape(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function render({tex, marked, display}) {
  try {
    const html = katex.renderToString(marked, {
      displayMode: display,
      throwOnError: true,
      // Only \htmlClass, which the build itself put there.
      trust: (context) => context.command === '\\htmlClass',
      strict: (code) => (code === 'htmlExtension' ? 'ignore' : 'error'),
    });
    const source = `<annotation encoding="application/x-tex">${escape(tex)}</annotation>`;
    return {html: html.replace(/<annotation [^>]*>[^]*?<\/annotation>/, () => source)};
  } catch (error) {
    return {error: error.message};
  }
}

let input = '';
process.stdin.on('data', (piece) => { input += piece; });
process.stdin.on('end', () => {
  process.stdout.write(JSON.stringify(JSON.parse(input).map(render)));
});
