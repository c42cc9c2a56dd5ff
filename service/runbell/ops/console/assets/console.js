// Keeps the page as it stands up to date, without moving what somebody reads or types. Without this it is just a page.
"use strict";

const button = document.getElementById("live");
const freshness = document.getElementById("freshness");
const address = document.body.dataset.live;
let stream = null;
let waiting = null;

function busy() {
  // Whoever types, chooses or selects shall not have the page change under the hands.
  const active = document.activeElement;
  const typing = active && ["INPUT", "SELECT", "TEXTAREA"].includes(active.tagName);
  return typing || !document.getSelection().isCollapsed;
}

function opened() {
  return [...document.querySelectorAll("#content details")].map((one) => one.open);
}

function place(element) {
  return element ? [...document.querySelectorAll("#content a, #content button, #content [tabindex], #content summary")].indexOf(element) : -1;
}

function show(text) {
  if (busy()) {
    waiting = text;
    return;
  }
  waiting = null;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const before = document.getElementById("content");
  const after = fresh.getElementById("content");
  if (!after) return;
  if (before.innerHTML !== after.innerHTML) {
    const open = opened();
    const focused = place(document.activeElement);
    before.replaceChildren(...after.childNodes);
    document.querySelectorAll("#content details").forEach((one, at) => { one.open = Boolean(open[at]); });
    const again = document.querySelectorAll("#content a, #content button, #content [tabindex], #content summary")[focused];
    if (focused >= 0 && again) again.focus({ preventScroll: true });
  }
  const said = fresh.getElementById("freshness");
  if (said) freshness.textContent = said.textContent;
}

function start() {
  stream = new EventSource(address);
  stream.onmessage = (event) => show(event.data);
  stream.onopen = () => button.removeAttribute("data-lost");
  stream.onerror = () => button.setAttribute("data-lost", "");
}

function stop() {
  if (stream) stream.close();
  stream = null;
}

if (address && window.EventSource) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    if (on) start(); else stop();
  });
  document.addEventListener("visibilitychange", () => {
    if (button.getAttribute("aria-pressed") !== "true") return;
    if (document.hidden) stop(); else if (!stream) start();
  });
  document.addEventListener("focusout", () => { if (waiting) setTimeout(() => { if (waiting) show(waiting); }, 0); });
  start();
}
