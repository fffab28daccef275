// How the report looks, and the few lines that move its slider.
#pragma once

namespace ink::apps {

inline constexpr const char* kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #fbfaf8; --card: #ffffff; --text: #1d2330; --quiet: #667085; --edge: #e4e2dc;
  --ink: #1f4e9c; --raw: #b9c7e2;
  --q1: #9ec5f0; --q2: #5b93d6; --q3: #2b62b0; --q4: #123468;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151c; --card: #1a1f29; --text: #e6e9f0; --quiet: #98a2b3; --edge: #2c3442;
    --ink: #7fb2ff; --raw: #35486b;
    --q1: #d6e6fb; --q2: #93bdf3; --q3: #5a8fdc; --q4: #3a64a8;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 0 0 4px; }
p { margin: 0; }
.quiet { color: var(--quiet); font-size: 14px; }
section { background: var(--card); border: 1px solid var(--edge); border-radius: 12px;
  padding: 20px 24px; margin-top: 20px; }
section > .quiet { margin-bottom: 14px; }
img { display: block; max-width: 100%; image-rendering: pixelated; border-radius: 6px; }
.grid-view img { width: 100%; max-width: 640px; margin: 0 auto; }
.grid-view img[hidden] { display: none; }
.slider { display: flex; align-items: center; gap: 14px; max-width: 640px; margin: 14px auto 0; }
.slider input { flex: 1; min-width: 0; accent-color: var(--ink); }
.slider output { flex: none; min-width: 13em; text-align: right; font-size: 14px;
  font-variant-numeric: tabular-nums; }
.slider button { font: inherit; font-size: 14px; color: inherit; background: none; cursor: pointer;
  border: 1px solid var(--edge); border-radius: 8px; padding: 3px 12px; }
.strip { width: 100%; }
.times { display: flex; margin-top: 4px; font-size: 12px; color: var(--quiet);
  font-variant-numeric: tabular-nums; }
.times span { flex: 1; text-align: center; }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--edge); }
.tick { fill: var(--quiet); font-size: 12px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke: var(--ink); }
.line.raw { stroke: var(--raw); stroke-width: 1; }
.line.q1 { stroke: var(--q1); } .line.q2 { stroke: var(--q2); }
.line.q3 { stroke: var(--q3); } .line.q4 { stroke: var(--q4); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-bottom: 6px; font-size: 14px; }
.key i { display: inline-block; width: 16px; height: 4px; border-radius: 2px; margin-right: 7px;
  vertical-align: middle; background: var(--ink); }
.key i.raw { background: var(--raw); }
.key i.q1 { background: var(--q1); } .key i.q2 { background: var(--q2); }
.key i.q3 { background: var(--q3); } .key i.q4 { background: var(--q4); }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 14px; }
th, td { text-align: left; vertical-align: top; padding: 5px 0; border-top: 1px solid var(--edge); }
th { color: var(--quiet); font-weight: normal; width: 11em; padding-right: 16px; }
pre { margin: 10px 0 0; padding: 10px 14px; border-radius: 8px; background: var(--page);
  border: 1px solid var(--edge); overflow-x: auto; white-space: pre-wrap; word-break: break-word;
  font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
)css";

inline constexpr const char* kReportScript = R"js(
const slider = document.querySelector('.slider input');
if (slider) {
  const images = [...document.querySelectorAll('.grid-view img')];
  const output = document.querySelector('.slider output');
  const button = document.querySelector('.slider button');
  let timer = 0;
  const show = () => {
    images.forEach((image, i) => { image.hidden = i !== Number(slider.value); });
    output.textContent = images[slider.value].alt;
  };
  const stop = () => { clearInterval(timer); timer = 0; button.textContent = 'Play'; };
  const next = () => {
    if (Number(slider.value) === images.length - 1) { stop(); return; }
    slider.value = Number(slider.value) + 1;
    show();
  };
  slider.addEventListener('input', () => { stop(); show(); });
  button.addEventListener('click', () => {
    if (timer) { stop(); return; }
    if (Number(slider.value) === images.length - 1) { slider.value = 0; show(); }
    button.textContent = 'Pause';
    timer = setInterval(next, 600);
  });
}
)js";

}  // namespace ink::apps
