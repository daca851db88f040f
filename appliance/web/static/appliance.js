// Small comforts of every page. All of it is optional: without this file links, forms, menus and dialogs still work.
"use strict";

// --- theme: follows the system until somebody chooses -------------------------------------------------------------
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function chosenTheme() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}

function showTheme() {
  const theme = chosenTheme();
  if (theme) document.documentElement.dataset.bsTheme = theme;
  else delete document.documentElement.dataset.bsTheme;
}

function toggleTheme() {
  const system = systemIsDark.matches ? "dark" : "light";
  const next = (chosenTheme() || system) === "dark" ? "light" : "dark";
  try {
    if (next === system) localStorage.removeItem("theme");
    else localStorage.setItem("theme", next);
  } catch { /* storage is blocked: the choice holds for this page only */ }
  if (next === system) delete document.documentElement.dataset.bsTheme;
  else document.documentElement.dataset.bsTheme = next;
}

showTheme();

// --- keyboard -----------------------------------------------------------------------------------------------------
const PLACES = { h: "/", p: "/projects" };
let goPressedMs = 0;

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const going = event.timeStamp - goPressedMs < 1500;
  goPressedMs = event.key === "g" ? event.timeStamp : 0;
  if (going && PLACES[event.key]) location.assign(PLACES[event.key]);
  else if (event.key === "/") focusSearch(event);
  else if (event.key === "?") document.getElementById("help")?.togglePopover();
}

function focusSearch(event) {
  const search = document.getElementById("search");
  if (!search) return;
  event.preventDefault();
  search.focus();
}

// --- menus: <details class="menu"> closes when one clicks elsewhere or presses Escape --------------------------------
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}

// --- copy -----------------------------------------------------------------------------------------------------------
async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
}

function showCopyButtons(root) {
  if (!navigator.clipboard) return; // plain HTTP on another host than localhost: the browser has none
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// --- times: the same words as filters.ago ---------------------------------------------------------------------------
function ago(ms, nowMs) {
  const seconds = Math.floor(Math.abs(nowMs - ms) / 1000);
  if (seconds < 45) return "just now";
  let text;
  if (seconds < 3600) text = `${Math.max(1, Math.round(seconds / 60))} min`;
  else if (seconds < 86400) text = `${Math.round(seconds / 3600)} h`;
  else if (seconds < 30 * 86400) {
    const days = Math.round(seconds / 86400);
    text = days === 1 ? "1 day" : `${days} days`;
  } else return new Date(ms).toISOString().slice(0, 10);
  return ms <= nowMs ? `${text} ago` : `in ${text}`;
}

function refreshTimes() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.textContent = ago(Date.parse(time.dateTime), Date.now());
  }
}

// --- forms ------------------------------------------------------------------------------------------------------------
function onSubmit(event) {
  if (event.defaultPrevented || event.target.method !== "post") return;
  // Later than the submission itself: a disabled button would not send its own name and value.
  setTimeout(() => setBusy(event.target, true));
}

function setBusy(form, busy) {
  for (const button of form.querySelectorAll("button[type=submit]")) {
    button.disabled = busy;
    button.classList.toggle("btn-loading", busy && button.classList.contains("btn"));
  }
}

function shellQuote(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

function showCommandLine(form) {
  const block = form.querySelector("[data-cli]");
  if (!block) return;
  const flags = [...form.querySelectorAll("[data-flag]")]
    .filter((input) => input.value)
    .map((input) => `${input.dataset.flag} ${shellQuote(input.value)}`);
  const line = [block.dataset.cli, ...flags].join(" ");
  block.querySelector("pre").textContent = line;
  block.querySelector("[data-copy]").dataset.copy = line;
}

// --- htmx: what it sends carries the token; a dialog that is open is not swapped away -----------------------------------
function onHtmxConfig(event) {
  event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf-token]").content;
}

function onHtmxRequest(event) {
  const target = event.target;
  if (!target.querySelector("[popover]:popover-open")) return;
  event.preventDefault();
  target.dataset.stale = "";
}

function onToggle(event) {
  const fragment = event.newState === "closed" && event.target.closest("[data-stale]");
  if (!fragment) return;
  delete fragment.dataset.stale;
  htmx.ajax("GET", fragment.getAttribute("hx-get"), { target: fragment, swap: fragment.getAttribute("hx-swap") });
}

document.addEventListener("DOMContentLoaded", () => {
  document.addEventListener("keydown", onKey);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeMenus(null); });
  document.addEventListener("click", (event) => {
    closeMenus(event.target);
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  });
  document.addEventListener("input", (event) => { if (event.target.form) showCommandLine(event.target.form); });
  document.addEventListener("submit", onSubmit);
  document.addEventListener("toggle", onToggle, true);
  document.addEventListener("htmx:configRequest", onHtmxConfig);
  document.addEventListener("htmx:beforeRequest", onHtmxRequest);
  document.addEventListener("htmx:load", (event) => showCopyButtons(event.detail.elt));
  for (const button of document.querySelectorAll("[data-theme-toggle]")) button.hidden = false;
  showCopyButtons(document);
  setInterval(refreshTimes, 30_000);
});

// Coming back with the browser's Back button finds the page as it was left: its buttons must work again.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) setBusy(form, false);
});
