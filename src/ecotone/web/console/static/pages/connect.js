// Connect: one client at a time, a key made and filled in, keys revoked.

import { api, fault, listen, toast } from "../app.js";

const PLACEHOLDER = "eco_YOUR_KEY";
const box = document.getElementById("snippets");
let key = null;
let making = false;

// --- one client at a time; which one is in the address

function asked() {
  const named = location.hash.replace("#client-", "") || box.dataset.shown;
  return box.querySelector(`#client-${CSS.escape(named)}`) ?? box.querySelector(".client");
}

function show() {
  const chosen = asked();
  box.querySelector(".client-pages").classList.add("one");
  for (const client of box.querySelectorAll(".client")) client.classList.toggle("shown", client === chosen);
  for (const link of box.querySelectorAll("[data-client]")) {
    if (`client-${link.dataset.client}` === chosen.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

box.addEventListener("click", (event) => {
  const link = event.target.closest("[data-client]");
  if (!link) return;
  event.preventDefault();
  history.replaceState(null, "", `#client-${link.dataset.client}`);
  show();
});
addEventListener("hashchange", show);

// --- the key stands in the lines as long as this page is open, and nowhere else

function fill() {
  if (!key) return;
  for (const code of box.querySelectorAll("pre")) code.textContent = code.textContent.replaceAll(PLACEHOLDER, key);
  for (const button of box.querySelectorAll("[data-copy]")) button.dataset.copy = button.dataset.copy.replaceAll(PLACEHOLDER, key);
}

// Only after it has settled: until then htmx gives new elements the classes of the old ones.
box.addEventListener("htmx:afterSettle", () => {
  show();
  fill();
});

// A double click means one key; its second half would find the name taken, or the field empty again.
document.querySelector("#make-key button").addEventListener("click", (event) => {
  if (making || event.detail > 1) event.preventDefault();
});

document.getElementById("make-key").addEventListener("submit", async (event) => {
  event.preventDefault();
  making = true;
  const field = event.target.elements.name;
  try {
    const made = await api("POST", "/keys", { name: field.value });
    key = made.key;
    field.value = "";
    tell(made);
    await renew();
  } catch (error) {
    fault(field, error.message);
  } finally {
    making = false;
  }
});

function tell(made) {
  const told = document.getElementById("made-template").content.cloneNode(true);
  told.querySelector("[data-name]").textContent = made.name;
  told.querySelector("[data-key]").textContent = made.key;
  told.querySelector("[data-copy]").dataset.copy = made.key;
  document.getElementById("made").replaceChildren(told);
}

async function renew() {
  document.getElementById("with-key").value = "yes";
  const model = document.getElementById("model").value;
  await htmx.ajax("GET", `/console/connect/snippets?key=yes&model=${encodeURIComponent(model)}`, { target: box, swap: "innerHTML" });
  await htmx.ajax("GET", "/console/connect", { target: "#keys", select: "#keys", swap: "outerHTML" });
}

// --- revoking

const dialog = document.getElementById("revoke");
let revoking = "";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-revoke]");
  if (!button) return;
  revoking = button.dataset.revoke;
  document.getElementById("revoke-name").textContent = revoking;
  dialog.returnValue = "";
  dialog.showModal();
});

dialog.addEventListener("close", async () => {
  // The event comes late: one of an earlier closing may find what a later one has answered.
  if (dialog.returnValue !== "yes" || !revoking) return;
  const name = revoking;
  revoking = "";
  try {
    await api("DELETE", `/keys/${encodeURIComponent(name)}`);
    toast(`The key of ${name} is revoked.`);
    await htmx.ajax("GET", "/console/connect", { target: "#keys", select: "#keys", swap: "outerHTML" });
  } catch (error) {
    toast(error.message, "bad");
  }
});

// --- what arrives while this page is open

const arrived = document.getElementById("arrived");
const SHOWN_MAX = 8;

listen("/clients/arrivals", {
  arrival: (arrival) => {
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = arrival.at;
    time.dataset.form = "second";
    const what = document.createElement("span");
    what.className = "what";
    what.textContent = said(arrival);
    const outcome = document.createElement("span");
    const well = arrival.status === 200 && !arrival.error;
    outcome.className = `chip ${well ? "good" : "bad"}`;
    outcome.textContent = well ? "answered" : `${arrival.status} ${arrival.error ?? ""}`.trim();
    line.append(time, what, outcome);
    arrived.prepend(line);
    while (arrived.children.length > SHOWN_MAX) arrived.lastElementChild.remove();
    document.getElementById("waiting").hidden = true;
  },
});

function said(arrival) {
  const who = arrival.principal ?? "somebody without a good key";
  const asked = arrival.asked ? `asked ${arrival.asked}` : "asked";
  const where = arrival.model && arrival.model !== arrival.asked ? `, ${arrival.model} answered` : "";
  return `${who} ${asked} (${arrival.operation})${where}`;
}

show();
