// The question's sliders, and what stays as it was when another answer comes: open details, the winner before.

import { fault, faultless } from "../app.js";

const form = document.getElementById("ask");
const whole = document.getElementById("whole");
const flip = document.getElementById("flip");
const why = document.getElementById("why");

// --- sliders: companions of the fields that are sent

const read = (text) => Number(text.replace(/[\s,_$]/g, ""));
const grouped = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
const digits = (value, log) => {
  if (value === 0) return "0";
  if (!log) return String(Number(value.toPrecision(6)));
  const rough = Number(value.toPrecision(2));
  return rough >= 1000 ? grouped(rough) : String(rough);
};

class Slider {
  constructor(range) {
    this.range = range;
    this.field = document.getElementById(range.dataset.for);
    this.log = "log" in range.dataset;
    this.low = Number(range.dataset.low);
    this.high = Number(range.dataset.high);
    this.step = Number(range.dataset.step) || 0;
    if (!this.log && this.step) range.step = String((1000 * this.step) / (this.high - this.low));
    if (this.log) range.step = "5";
    range.addEventListener("input", () => this.toField());
    this.field.addEventListener("input", () => this.toRange());
    this.toRange();
    range.hidden = false;
  }

  toField() {
    const share = Number(this.range.value) / 1000;
    let value = this.log ? this.low * (this.high / this.low) ** share : this.low + share * (this.high - this.low);
    if (this.step) value = Math.round(value / this.step) * this.step;
    this.field.value = digits(value, this.log);
    this.range.setAttribute("aria-valuetext", this.field.value);
  }

  toRange() {
    const value = Math.min(this.high, Math.max(this.low, read(this.field.value)));
    if (!Number.isFinite(value)) return;
    const share = this.log ? Math.log(value / this.low) / Math.log(this.high / this.low) : (value - this.low) / (this.high - this.low);
    this.range.value = String(1000 * share);
    this.range.setAttribute("aria-valuetext", this.field.value);
  }
}

for (const range of form.querySelectorAll("input.thumb")) new Slider(range);
for (const field of form.querySelectorAll(".slide .amount input")) {
  if (read(field.value) >= 1000) field.value = grouped(read(field.value));
}

// --- on narrow screens the question folds away, so that the answer is in view

const narrow = matchMedia("(max-width: 1040px)");
const fold = () => { whole.open = !narrow.matches; };
narrow.addEventListener("change", fold);
fold();

// --- machines

document.addEventListener("click", (event) => {
  if (event.target.closest('a[href="#own-machines"]')) {
    event.preventDefault();
    whole.open = true;
    const machines = document.getElementById("own-machines");
    machines.open = true;
    machines.scrollIntoView({ block: "start" });
    machines.querySelector("input").focus({ preventScroll: true });
    return;
  }
  if (event.target.closest("[data-reload]")) {
    event.preventDefault();
    form.submit(); // the whole page again, which has a row more than is filled
    return;
  }
  const fields = event.target.closest("[data-clear]")?.closest("fieldset").querySelectorAll("input");
  if (!fields) return;
  for (const field of fields) field.value = "";
  fields[0].dispatchEvent(new Event("input", { bubbles: true }));
  fields[0].focus();
});
for (const button of form.querySelectorAll("[data-clear]")) button.hidden = false;

// --- one option, in a dialog

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.name");
  if (!button) return;
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  query.set("key", button.value);
  htmx.ajax("GET", `/console/advise/option?${query}`, { target: "#why-body" });
});

// --- another answer

const winner = () => document.querySelector("#answer [data-winner]")?.dataset;
let before = winner() ? { ...winner() } : null;
let open = new Set();

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id !== "answer") return;
  open = new Set([...document.querySelectorAll("#answer details[open][id]")].map((details) => details.id));
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  const target = event.target.id;
  if (target === "why-body" && !why.open) why.showModal();
  outdated(document.querySelector("#problems [data-field]") !== null);
  if (target === "problems") mark();
  if (target !== "answer") return;
  mark();
  for (const id of open) {
    const details = document.getElementById(id);
    if (details) details.open = true;
  }
  const now = winner();
  if (!now) return;
  if (before && before.winner !== now.winner) {
    flip.textContent = `First is now ${now.winnerName}. It was ${before.winnerName}.`;
    document.querySelector("#answer [data-winner]").classList.add("changed");
  } else if (before) {
    flip.textContent = "";
  }
  before = { ...now };
});

/** Fields that cannot be read are told of, at the field too; the others no longer. */
function mark() {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    faultless(field);
    field.removeAttribute("aria-invalid");
    document.getElementById(field.getAttribute("aria-errormessage"))?.remove();
    field.removeAttribute("aria-errormessage");
  }
  for (const item of document.querySelectorAll("#problems [data-field]")) {
    const field = document.getElementById(item.dataset.field);
    if (!field) continue;
    const label = field.labels?.[0];
    if (label) item.textContent = `${label.textContent}: ${item.dataset.reason}`;
    fault(field, capital(item.dataset.reason), false);
  }
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** The answer beside the form is of the question before: it stays to be read, but does not leave as this one's. */
function outdated(yes) {
  document.getElementById("answer").classList.toggle("outdated", yes);
  const leaving = document.querySelector("#answer .exports");
  if (leaving) leaving.inert = yes;
}
