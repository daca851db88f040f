// Uploads with progress, dropped or chosen, in pieces that are sent again when a connection breaks. Without this file
// the form sends what it holds at once.
"use strict";

const PIECE_BYTES = 8 << 20;
const TRIES = 5;
const WAIT_MS = 1000;

/** One POST; gives {status, body}, status 0 when nobody answered. */
function post(url, body, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.setRequestHeader("X-CSRF-Token", document.querySelector("meta[name=csrf-token]").content);
    if (body instanceof Blob) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => onProgress?.(event.loaded);
    request.onloadend = () => resolve({ status: request.status, body: request.response });
    request.send(body);
  });
}

function failure(answer) {
  return new Error(answer.body?.message || `it was not taken (${answer.status || "no connection"})`);
}

async function sendPieces(file, url, onProgress) {
  let offset = 0;
  for (let tries = 0; offset < file.size || file.size === 0;) {
    const piece = file.slice(offset, offset + PIECE_BYTES);
    const answer = await post(`${url}&offset=${offset}`, piece, (loaded) => onProgress(offset + loaded));
    if (answer.status === 200) {
      offset = answer.body.size;
      tries = 0;
      if (file.size === 0) return;
    } else if ((answer.status === 0 || answer.status >= 502) && ++tries < TRIES) {
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * tries));
    } else throw failure(answer);
  }
}

async function uploadFile(form, file, row) {
  const token = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const [base, query] = form.getAttribute("action").split("/upload");
  await sendPieces(file, `${base}/piece${query}&upload=${token}`, (sent) => { row.bar.value = sent / (file.size || 1); });
  const fields = new URLSearchParams({ upload: token, name: file.name, replace: form.elements.replace.checked ? "1" : "" });
  const answer = await post(`${base}/take${query}`, fields);
  if (answer.status !== 200) throw failure(answer);
}

function addRow(list, name) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  const bar = document.createElement("progress");
  text.textContent = name;
  bar.setAttribute("aria-label", name);
  bar.value = 0;
  item.append(text, bar);
  list.append(item);
  return { item, text, bar };
}

async function uploadAll(form, files) {
  const list = form.querySelector("[data-uploads]");
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  let failed = false;
  for (const file of files) {
    const row = addRow(list, file.name);
    try {
      await uploadFile(form, file, row);
      row.bar.value = 1;
    } catch (error) {
      failed = true;
      row.bar.remove();
      row.item.classList.add("text-danger");
      row.text.textContent = `${file.name}: ${error.message}`;
    }
  }
  button.disabled = false;
  if (!failed) location.reload();
}

addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const zone = form.closest(".card");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation(); // before the page's own handler, which would leave the button busy
    uploadAll(form, form.elements.file.files);
  }, true);
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("dropping"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("dropping"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("dropping");
    uploadAll(form, event.dataTransfer.files);
  });
});
