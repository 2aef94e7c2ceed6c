// Models, live: how each is, what can be done with it, and what is being fetched.

import { api, fault, faultless, listen, part, toast } from "../app.js";

const said = document.getElementById("said");
const units = ["B", "kB", "MB", "GB", "TB"];

/** A size in powers of 1,000, as the server writes it. */
function inBytes(count) {
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count >= 10 || unit === 0 ? count.toFixed(0) : count.toFixed(1)}\u202f${units[unit]}`;
}

function progressWords(pull) {
  const parts = [`${pull.phase} ${pull.what}`];
  if (pull.total) parts.push(`${inBytes(pull.done)} of ${inBytes(pull.total)}`);
  if (pull.bytes_per_s) {
    parts.push(`${inBytes(pull.bytes_per_s)}/s`);
    if (pull.total) parts.push(timeLeft((pull.total - pull.done) / pull.bytes_per_s));
  }
  return parts.join(" · ");
}

function timeLeft(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)}\u202fs left`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)}\u202fmin left`;
  return `${(seconds / 3600).toFixed(1)}\u202fh left`;
}

function showProgress(inside, pull) {
  const bar = inside.querySelector("[data-progress]");
  if (!bar) return;
  if (pull.total) {
    bar.max = pull.total;
    bar.value = pull.done;
  } else {
    bar.removeAttribute("value");
  }
  const words = inside.querySelector("[data-progress-words]");
  if (words) words.textContent = progressWords(pull);
}

/** Fetch a part of the page anew, and keep the focus where it was, also while there is no button in it. */
async function renew(element, address) {
  const held = element.contains(document.activeElement);
  let html;
  try {
    html = await part(address);
  } catch {
    return; // the next news of it tries again
  }
  element.innerHTML = html;
  if (!held) return;
  element.tabIndex = -1;
  (element.querySelector("button") ?? element).focus({ preventScroll: true });
}

function path(name) {
  return name.split("/").map(encodeURIComponent).join("/");
}

async function renewModel(state, cell) {
  cell.dataset.condition = state.condition;
  cell.dataset.can = state.can.join(" ");
  await renew(cell, `/console/models/state/${path(state.name)}?part=condition`);
  for (const actions of document.querySelectorAll(`[data-actions-of="${CSS.escape(state.name)}"]`)) {
    const remove = "remove" in actions.dataset ? "&remove" : "";
    await renew(actions, `/console/models/state/${path(state.name)}?part=actions${remove}`);
  }
  said.textContent = `${state.name}: ${cell.querySelector(".condition")?.textContent ?? state.condition}`;
}

function showModels(states) {
  for (const state of states) {
    for (const cell of document.querySelectorAll(`[data-state-of="${CSS.escape(state.name)}"]`)) {
      const can = state.can.join(" ");
      if (cell.dataset.condition !== state.condition || (cell.dataset.can ?? can) !== can) renewModel(state, cell);
      else if (state.pull) showProgress(cell, state.pull);
      cell.dataset.can = can;
    }
  }
}

const pullList = document.getElementById("pulls");

async function showPulls(all) {
  if (!pullList) return;
  const only = pullList.dataset.only;
  const pulls = only ? all.filter((pull) => pull.state.name === only) : all;
  const shown = [...pullList.children].map((row) => `${row.dataset.pullId} ${row.dataset.stage}`);
  const now = pulls.map((pull) => `${pull.state.id} ${pull.state.stage}`).reverse();
  if (shown.join() !== now.join()) {
    const arrived = pulls.filter((pull) => pull.state.stage === "done" && shown.includes(`${pull.state.id} pulling`));
    await renew(pullList, `/console/models/pulls${only ? `?only=${encodeURIComponent(only)}` : ""}`);
    for (const pull of arrived) {
      said.textContent = `${pull.state.name} is here`;
      toast(`${pull.state.name} is here`);
    }
    const known = new Set([...document.querySelectorAll("[data-state-of]")].map((cell) => cell.dataset.stateOf));
    if (arrived.some((pull) => !pull.config && (only || !known.has(pull.state.name)))) location.reload();
  }
  for (const { state } of pulls) {
    const row = pullList.querySelector(`[data-pull-id="${CSS.escape(state.id)}"]`);
    if (row && state.stage === "pulling") showProgress(row, state);
  }
}

const asks = {
  load: (button) => api("POST", "/models/load", { model: button.dataset.model }),
  unload: (button) => api("POST", "/models/unload", { model: button.dataset.model }),
  pull: (button) => api("POST", "/pulls", { model: button.dataset.model }),
  stop: (button) => api("DELETE", `/pulls/${path(button.dataset.pull)}`),
  dismiss: (button) => api("POST", `/pulls/${path(button.dataset.pull)}/dismiss`),
  remove: async (button) => {
    const asking = document.getElementById("remove");
    asking.querySelector("[data-name]").textContent = button.dataset.model;
    asking.returnValue = "";
    asking.showModal();
    await new Promise((closed) => asking.addEventListener("close", closed, { once: true }));
    if (asking.returnValue !== "yes") return;
    await api("DELETE", `/models/files/${path(button.dataset.model)}`);
    location.assign("/console/models");
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-act]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // and not disabled, which would take the focus away
  try {
    await asks[button.dataset.act](button);
    if (button.dataset.act === "pull") document.getElementById("get")?.scrollIntoView({ block: "start" });
  } catch (error) {
    toast(error.message, "bad");
  } finally {
    button.removeAttribute("aria-disabled");
  }
});

document.getElementById("pull-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const field = form.elements.model;
  try {
    const sha256 = form.elements.sha256.value.trim();
    await api("POST", "/pulls", { model: field.value.trim(), ...(sha256 ? { sha256 } : {}) });
    faultless(field);
    form.reset();
  } catch (error) {
    fault(field, error.message);
  }
});

if (document.querySelector("[data-state-of]") || pullList) listen("/models/events", { models: showModels, pulls: showPulls });
