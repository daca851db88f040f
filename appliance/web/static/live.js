// What is live on a page: one EventSource for all of it, named by <body data-stream>.
//
//   event: changed   data: {"subject": "nabc1234"}                  fragments that name "changed:nabc1234" load again
//   event: log       data: {"workload": "...", "offset": 120, "end": 125, "text": "..."}   views of that log go on
//
// offset and end say which bytes of the whole log text is. Every event has an id: a connection that is opened anew
// continues behind it, by the header Last-Event-ID (the browser's own reconnect) or last_event_id in the query (ours;
// the page's own URL of the stream has it too, so that nothing is missed between rendering and connecting).
"use strict";

const MAX_LINES = 2000;
const STEP_BYTES = 65536;
const MAX_LINE_CHARS = 65536; // what has no line ends is cut, so that one line can't grow for ever
const HIDDEN_MS = 10_000; // soon, because a browser has only six HTTP/1.1 connections for all tabs of a host
const GONE_MS = 1000;
const RETRY_MS = 5000;
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07/g;

// --- one view of a log: a window of at most MAX_LINES lines onto bytes [start, end) -------------------------------------
class LogView {
  constructor(element) {
    this.element = element;
    this.pre = element.querySelector("pre");
    this.earlier = element.querySelector("[data-log-earlier]");
    this.latest = element.querySelector("[data-log-latest]");
    this.note = element.querySelector(".log-note");
    this.url = element.dataset.logUrl;
    this.following = true; // false: the window was moved back and its end is not the log's end
    this.queue = Promise.resolve(); // one change of the window after another
    this.reset(Number(element.dataset.logStart), Number(element.dataset.logEnd), this.pre.textContent);
    this.earlier.addEventListener("click", (event) => { event.preventDefault(); this.run(() => this.showEarlier()); });
    this.latest.addEventListener("click", () => this.run(() => this.showLatest()));
    this.scrollDown();
  }

  run(step) {
    this.queue = this.queue.then(step).catch((error) => { this.note.textContent = `The log can't be read: ${error.message}`; });
  }

  reset(start, end, text) {
    this.lines = []; // {raw, bytes, node}, the last one may be unfinished
    this.pre.textContent = "";
    this.start = start;
    this.append(text, end);
  }

  /** What came in by the stream; a part that was seen is skipped, a part that was missed is fetched. */
  async receive(offset, end, text) {
    if (!this.following || end <= this.end) return;
    const stick = this.isAtBottom();
    if (offset > this.end) await this.catchUp();
    if (end > this.end) this.append(afterBytes(text, this.end - offset), end);
    if (stick) this.scrollDown();
  }

  append(text, end) {
    for (const raw of splitLines(text)) {
      const last = this.lines.at(-1);
      const unfinished = last && !last.raw.endsWith("\n") && last.raw.length < MAX_LINE_CHARS;
      if (unfinished) this.extend(last, raw);
      else this.add(raw);
    }
    while (this.lines.length > MAX_LINES) this.dropFirst();
    this.end = end;
    this.showEdges();
  }

  add(raw) {
    this.lines.push(newLine(raw));
    this.pre.append(this.lines.at(-1).node);
  }

  extend(line, raw) {
    line.bytes += countBytes(raw);
    line.raw = lastForm(line.raw + raw);
    line.node.data = shown(line.raw);
  }

  dropFirst() {
    const line = this.lines.shift();
    line.node.remove();
    this.start += line.bytes;
  }

  dropLast() {
    const line = this.lines.pop();
    line.node.remove();
    this.end -= line.bytes;
    this.following = false;
  }

  async showEarlier() {
    const from = Math.max(0, this.start - STEP_BYTES);
    const part = await fetchRange(this.url, from, this.start - 1);
    const lines = splitLines(part.text).map(newLine);
    const height = this.pre.scrollHeight;
    this.pre.prepend(...lines.map((line) => line.node));
    this.lines.unshift(...lines);
    this.start = part.start;
    this.pre.scrollTop += this.pre.scrollHeight - height;
    while (this.lines.length > MAX_LINES) this.dropLast();
    this.showEdges();
  }

  async showLatest() {
    const part = await fetchRange(this.url, null, STEP_BYTES);
    this.following = true;
    this.reset(part.start, part.end, part.text);
    this.scrollDown();
  }

  async catchUp() {
    const missed = await fetchRange(this.url, this.end, this.end + STEP_BYTES - 1, false);
    if (missed.end < missed.total) await this.showLatest();
    else this.append(missed.text, missed.end);
  }

  showEdges() {
    this.earlier.hidden = this.start === 0;
    this.latest.hidden = this.following;
    this.note.textContent = "";
  }

  isAtBottom() {
    return this.pre.scrollHeight - this.pre.scrollTop - this.pre.clientHeight < 40;
  }

  scrollDown() {
    this.pre.scrollTop = this.pre.scrollHeight;
  }
}

function newLine(raw) {
  const line = lastForm(raw);
  return { raw: line, bytes: countBytes(raw), node: document.createTextNode(shown(line)) };
}

function splitLines(text) {
  return text ? text.split(/(?<=\n)/) : [];
}

function countBytes(text) {
  return new TextEncoder().encode(text).length;
}

function afterBytes(text, count) {
  return count > 0 ? new TextDecoder().decode(new TextEncoder().encode(text).subarray(count)) : text;
}

/** A progress bar writes one line again and again, with \r between: only the last form counts. */
function lastForm(raw) {
  return raw.slice(raw.lastIndexOf("\r", raw.trimEnd().length - 1) + 1);
}

function shown(raw) {
  return raw.replace(ESCAPES, "").replace(/\r/g, "");
}

/** Bytes first..last of a log, or its last `last` bytes if first is null; begins with a whole line if wholeLines. */
async function fetchRange(url, first, last, wholeLines = true) {
  const answer = await fetch(url, { headers: { Range: `bytes=${first ?? ""}-${last}` }, cache: "no-store" });
  if (answer.status === 416) return { start: first, end: first, total: first, text: "" };
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  let bytes = new Uint8Array(await answer.arrayBuffer());
  const [, from, total] = /bytes (\d+)-\d+\/(\d+)/.exec(answer.headers.get("Content-Range")) || [0, 0, bytes.length];
  let start = Number(from);
  const end = start + bytes.length;
  const cut = wholeLines && start > 0 ? bytes.indexOf(10) + 1 : 0;
  bytes = bytes.subarray(cut);
  start += cut;
  return { start, end, total: Number(total), text: new TextDecoder().decode(bytes) };
}

// --- the stream ---------------------------------------------------------------------------------------------------------
const logs = new Map(); // element -> LogView
let source = null;
let lastEventId = "";
let timer = 0;

function openStream() {
  if (source) return;
  const url = new URL(document.body.dataset.stream, location.href);
  if (lastEventId) url.searchParams.set("last_event_id", lastEventId);
  source = new EventSource(url);
  source.addEventListener("changed", onChanged);
  source.addEventListener("log", onLog);
  source.addEventListener("open", () => setLive(true));
  source.addEventListener("error", onError);
}

function closeStream() {
  source?.close();
  source = null;
}

function onChanged(event) {
  lastEventId = event.lastEventId;
  const { subject, name = "" } = JSON.parse(event.data);
  const [kind, what] = name.split(".");
  if (what === "deleted" && location.pathname.startsWith(`/${kind}s/${subject}`)) {
    // Somebody deleted what this page shows. If it was done right here, the browser is on its way elsewhere already.
    setTimeout(() => location.reload(), GONE_MS);
    return;
  }
  document.body.dispatchEvent(new Event(`changed:${subject}`));
  document.body.dispatchEvent(new Event("changed"));
}

function onLog(event) {
  lastEventId = event.lastEventId;
  const { workload, offset, end, text } = JSON.parse(event.data);
  for (const view of logs.values()) {
    if (view.element.dataset.log === workload) view.run(() => view.receive(offset, end, text));
  }
}

function onError() {
  setLive(false);
  if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
  closeStream();
  clearTimeout(timer);
  timer = setTimeout(openStream, RETRY_MS);
}

function setLive(live) {
  document.body.classList.toggle("not-live", !live);
}

function onVisibility() {
  clearTimeout(timer);
  if (document.hidden) timer = setTimeout(closeStream, HIDDEN_MS);
  else openStream();
}

function findLogs() {
  for (const element of logs.keys()) if (!element.isConnected) logs.delete(element);
  for (const element of document.querySelectorAll("[data-log]")) {
    if (!logs.has(element)) logs.set(element, new LogView(element));
  }
}

document.addEventListener("DOMContentLoaded", () => {
  findLogs();
  document.addEventListener("htmx:load", findLogs);
  if (!document.body.dataset.stream) return;
  document.addEventListener("visibilitychange", onVisibility);
  onVisibility();
});
