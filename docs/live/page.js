"use strict";
// The page around the model: what is typed is read and coloured, a few characters a frame, and the model writes one a frame.

const MOST = 10_000; // characters that are read
const MILLISECONDS = 12; // of a frame that reading takes
const WORDS = { "\n": "line end", " ": "space", "\t": "tab" };

const element = (id) => document.getElementById(id);
const [editor, paper, colours, odd, rest, message] = ["text", "paper", "colours", "odd", "rest", "message"].map(element);
const network = new Network(LIVE.weights), reader = new Reader(network);
const idOf = new Map(network.vocab.map((character, id) => [character, id]));
const spans = []; // of the characters that are read, each with its surprise
let text = "", byModel = []; // for each character whether the model wrote it
let isWriting = false, pointed = null, frame = 0;

/** The ids of a text up to the first character that the model does not know. */
function readable(characters) {
  const ids = [];
  for (const character of characters) {
    if (ids.length === MOST || !idOf.has(character)) break;
    ids.push(idOf.get(character));
  }
  return ids;
}

/** Take what the editor holds now; what was read stays up to the first change. */
function take(isModels) {
  const now = editor.value;
  let before = 0, after = 0;
  while (before < Math.min(text.length, now.length) && text[before] === now[before]) before++;
  while (after < Math.min(text.length, now.length) - before && text.at(-1 - after) === now.at(-1 - after)) after++;
  byModel.splice(before, text.length - after - before, ...Array(now.length - after - before).fill(isModels));
  text = now;
  reader.replace(readable(text));
  while (spans.length > reader.rows.length) spans.pop().remove();
  tell();
  frame ||= requestAnimationFrame(work);
}

/** Read on for a part of a frame, or let the model write a character, and show it. */
function work() {
  const until = performance.now() + MILLISECONDS;
  frame = 0;
  while (!reader.isDone && performance.now() < until) reader.step();
  if (reader.isDone && isWriting) write();
  paint();
  if (!reader.isDone || isWriting) frame ||= requestAnimationFrame(work);
}

function write() {
  const n = text.length, isAtEnd = paper.scrollTop + paper.clientHeight > paper.scrollHeight - 40;
  const id = drawn(reader.rows[n - 1], element("temperature").valueAsNumber, uniformAt(element("seed").valueAsNumber, n));
  editor.setRangeText(network.vocab[id], n, n, "preserve");
  take(true);
  if (isAtEnd) paper.scrollTop = paper.scrollHeight;
}

/** Say what cannot be read, and what the button does. */
function tell() {
  const n = reader.ids.length, unread = text.slice(n), isLong = n === MOST;
  const unknown = [...new Set(text)].filter((character) => !idOf.has(character));
  const others = network.vocab.filter((character) => !/[A-Za-z\s]/.test(character)).join(" ");
  const shown = unknown.slice(0, 10).map((character) => `“${named(character)}”`).join(", ");
  let said = "";
  if (isLong) said = `Only the first ${MOST.toLocaleString("en")} characters are read; remove some.`;
  else if (unread) {
    said = `The model does not know ${shown}${unknown.length > 10 ? " and others" : ""}; it reads up to the first of them. `;
    said += `It knows A to Z, a to z, spaces, line ends and ${others}`;
  }
  message.querySelector("span").textContent = said;
  message.querySelector("button").hidden = isLong || !unread;
  message.hidden = !said;
  if (said) isWriting = false;
  element("generate").textContent = isWriting ? "Stop" : "Generate";
  element("generate").disabled = !text || Boolean(said);
}

/** Bring the colours up to what is read. */
function paint() {
  for (let i = spans.length; i < reader.rows.length; i++) spans.push(colours.insertBefore(coloured(i), odd));
  const unread = text.slice(spans.length), isStopped = reader.isDone && unread;
  odd.textContent = isStopped ? String.fromCodePoint(unread.codePointAt(0)) : "";
  rest.textContent = unread.slice(odd.textContent.length);
  showMeans();
  showTop();
}

function coloured(i) {
  const span = document.createElement("span"), nats = i ? -Math.log(softmax(reader.rows[i - 1])[reader.ids[i]]) : NaN;
  span.textContent = text[i];
  span.nats = nats;
  span.style = LIVE.styles[LIVE.levels.filter((level) => nats >= level).length];
  span.classList.toggle("model", byModel[i]);
  span.classList.toggle("end", text[i] === "\n");
  return span;
}

function showMeans() {
  const means = [["your text", false], ["what the model wrote", true]].flatMap(([what, isModels]) => {
    const nats = spans.flatMap((span, i) => (i && byModel[i] === isModels ? [span.nats] : []));
    return nats.length ? [`${(nats.reduce((a, b) => a + b) / nats.length).toFixed(2)} over ${what} (${nats.length})`] : [];
  });
  const said = `Mean surprise in nats per character: ${means.join(", ")}. Over held-out text of its corpus: ${LIVE.facts.test_nll}.`;
  element("means").textContent = means.length ? said : "";
}

/** The five likeliest characters where the pointer is, else where the model writes or the cursor is, and what came there. */
function showTop() {
  const at = Math.min(pointed ?? (isWriting ? text.length : editor.selectionStart), reader.rows.length);
  const came = at < spans.length ? reader.ids[at] : undefined;
  colours.querySelector(".pointed")?.classList.remove("pointed");
  if (pointed !== null) spans[pointed]?.classList.add("pointed");
  element("where").textContent = came === undefined ? "What comes next" : `What was expected at character ${at + 1}`;
  element("came").textContent = came === undefined || !at ? "" : `What came: ${named(network.vocab[came])}, ${spans[at].nats.toFixed(2)} nats.`;
  if (!at) return element("top").replaceChildren("The first character has nothing before it.");
  const p = softmax(reader.rows[at - 1]);
  const ids = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 5);
  if (came !== undefined && !ids.includes(came)) ids.push(came);
  element("top").replaceChildren(...ids.map((id) => line(network.vocab[id], p[id], id === came)));
}

function named(character) {
  return WORDS[character] ?? character;
}

function line(character, p, isCame) {
  const item = document.createElement("li"), [name, bar, share] = ["b", "i", "span"].map((tag) => document.createElement(tag));
  name.textContent = named(character);
  bar.style.width = `${100 * p}%`;
  share.textContent = p < 0.001 ? "< 0.1 %" : `${(100 * p).toFixed(1)} %`;
  item.classList.toggle("came", isCame);
  item.append(name, bar, share);
  return item;
}

/** Show what was expected of the character under the pointer: the text lies on the spans. */
function point(event) {
  const found = spans.indexOf(document.elementsFromPoint(event.clientX, event.clientY).find((each) => each.parentNode === colours));
  pointed = found < 0 ? null : found;
  showTop();
}

function unpoint() {
  pointed = null;
  showTop();
}

for (const place of document.querySelectorAll("[data-fact]")) place.textContent = LIVE.facts[place.dataset.fact];
["0", ...LIVE.levels].forEach((level, i) => {
  const swatch = document.createElement("span"), above = LIVE.levels[i];
  swatch.style = LIVE.styles[i];
  swatch.textContent = above === undefined ? `${level} and more` : `${level} to ${above}`;
  element("swatches").append(" ", swatch);
});
editor.addEventListener("input", () => {
  isWriting = false;
  pointed = null;
  take(false);
});
editor.addEventListener("pointermove", point);
editor.addEventListener("click", point);
editor.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && unpoint());
editor.addEventListener("keydown", unpoint);
document.addEventListener("selectionchange", showTop);
message.querySelector("button").addEventListener("click", () => {
  editor.value = [...text].filter((character) => idOf.has(character)).join("");
  take(false);
});
element("temperature").addEventListener("input", () => (element("degree").textContent = element("temperature").valueAsNumber.toFixed(1)));
element("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  isWriting = !isWriting;
  take(false);
});
editor.value = editor.value.trimEnd();
editor.setSelectionRange(editor.value.length, editor.value.length);
take(false);
