// Evaluations: begin a run, watch it, stop it and go on with it; move between cases with the arrow keys; add suites,
// and delete them and runs.

import { api, fault, listen, toast } from "../app.js";

const number = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
const percent = (value) => (value === null ? "—" : `${Math.round(100 * value)} %`);

function duration(seconds) {
  if (seconds < 120) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function made(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** May the button do its work? Not twice at once; and it is not disabled, which would take the focus away. */
function taken(button) {
  if (button.ariaDisabled === "true") return false;
  button.ariaDisabled = "true";
  return true;
}

// --- a new run

const form = document.getElementById("new-run");

function wanted() {
  const said = new FormData(form);
  const body = { suites: said.getAll("suite"), models: said.getAll("model"), fresh: said.has("fresh") };
  if (said.get("limit") === "other") said.set("limit", said.get("limit_other"));
  if (said.get("temperature").trim() === "own") {
    said.delete("temperature");
    body.own_temperature = true;
  }
  for (const name of ["limit", "concurrency", "requests_per_minute", "seed", "temperature", "max_tokens"]) {
    const text = (said.get(name) ?? "").trim();
    // What is no number goes as it is, to be refused in words.
    if (text) body[name] = Number.isNaN(Number(text)) ? text : Number(text);
  }
  for (const name of ["judge", "budget_usd"]) {
    const text = (said.get(name) ?? "").trim();
    if (text) body[name] = text;
  }
  return body;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = document.getElementById("start");
  if (!taken(button)) return;
  try {
    const begun = await api("POST", "/evaluations/runs", wanted());
    location.assign(`/console/evaluations/runs/${encodeURIComponent(begun.run.id)}`);
  } catch (error) {
    toast(error.message, "bad");
    button.ariaDisabled = null;
  }
});

form?.addEventListener("input", (event) => {
  const other = document.getElementById("limit-other");
  if (event.target === form.limit_other) other.checked = true;
  else if (event.target.name === "limit" && !other.checked) form.limit_other.value = "";
  form.limit_other.required = other.checked;
});

// The address says what is chosen, so that it can be kept and sent.
form?.addEventListener("change", () => {
  const said = [...new FormData(form)].filter(([, text]) => text !== "");
  history.replaceState(null, "", `?${new URLSearchParams(said)}`);
});

// --- a run that goes on

const run = document.getElementById("run");

function address(path = "") {
  return `/evaluations/runs/${encodeURIComponent(run.dataset.run)}${path}`;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-act]");
  if (!button || !taken(button)) return;
  try {
    const budget = document.getElementById("budget")?.value.trim();
    await api("POST", address(`/${button.dataset.act}`), budget ? { budget_usd: budget } : undefined);
    // A run that was stopped is shown anew by its own last event.
    if (button.dataset.act !== "resume") return;
    sessionStorage.setItem("evaluation", "The run goes on");
    location.reload();
  } catch (error) {
    toast(error.message, "bad");
    button.ariaDisabled = null;
  }
});

function came(row) {
  const kind = row.score === null ? "none" : row.score >= 1 ? "right" : row.score <= 0 ? "wrong" : "partly";
  const sign = document.querySelector(`template[data-came="${kind}"]`).content.firstElementChild.cloneNode(true);
  if (kind === "partly") sign.lastChild.textContent = percent(row.score);
  if (row.outcome === "unscored") sign.lastChild.textContent = "no score";
  const cell = made("span", "verdict-cell");
  cell.append(sign);
  return cell;
}

function latestRow(row) {
  const item = made("li", "");
  const box = made("div", "");
  const link = made("a", "question", row.prompt || row.case);
  link.href = `/console${address("/case")}?${new URLSearchParams({ in: row.suite, case: row.case, came: "all" })}`;
  box.append(link);
  if (row.reply) box.append(made("div", "reply", row.reply));
  box.append(made("div", "muted small", [row.why, row.model, row.suite].filter(Boolean).join(" · ")));
  item.append(came(row), box);
  return item;
}

let told = 0;

function showProgress(now) {
  const overall = document.getElementById("overall");
  overall.max = now.cases;
  overall.value = now.done;
  document.getElementById("done").textContent = number(now.done);
  for (const row of now.progress) {
    const line = document.querySelector(
      `#progress tr[data-model="${CSS.escape(row.model)}"][data-suite="${CSS.escape(row.suite)}"]`,
    );
    line.querySelector("progress").value = row.done;
    line.querySelector(".done").textContent = `${row.done} / ${row.cases}`;
    line.querySelector(".score").textContent = percent(row.score);
    line.querySelector(".failed").textContent = row.failed || "";
  }
  if (now.latest.length) document.getElementById("latest").replaceChildren(...now.latest.map(latestRow));
  // Read aloud where somebody listens, so not with every answer.
  if (Date.now() - told > 5000 || now.done === now.cases) {
    told = Date.now();
    const left = now.done === now.cases ? "– scoring the last" : now.left_s === null ? "" : `– about ${duration(now.left_s)} left`;
    document.getElementById("left").textContent = now.done ? left : "– getting ready";
  }
}

if (run?.dataset.state === "running") {
  const source = listen(address("/events"), {
    progress: showProgress,
    ended: (end) => {
      source.close();
      const words = { finished: "The run is finished", stopped: "The run has stopped; what it has is kept" };
      sessionStorage.setItem("evaluation", words[end.state]);
      location.reload();
    },
  });
}
// What the page before has left to say.
const said = sessionStorage.getItem("evaluation");
sessionStorage.removeItem("evaluation");
if (said) {
  toast(said);
  document.getElementById("main").focus({ preventScroll: true }); // past the navigation, as before
}

// --- a suite of one's own

const adding = document.getElementById("new-suite");
const files = document.getElementById("suite-files");

function chosenFiles() {
  const all = [...files.files];
  const settings = all.find((file) => file.name.endsWith(".toml"));
  return { settings, cases: all.filter((file) => file !== settings) };
}

let proposed = "";

files?.addEventListener("change", () => {
  const { settings, cases } = chosenFiles();
  const name = document.getElementById("suite-name");
  // It follows the file, unless somebody has written another.
  if (cases.length && (!name.value || name.value === proposed)) proposed = name.value = cases[0].name.replace(/\.\w+$/, "").replace(/[^\p{L}\p{N}_.-]+/gu, "-");
  const scorer = document.getElementById("suite-scorer");
  scorer.disabled = settings !== undefined;
  const usual = scorer.querySelector("[selected]");
  (settings ? document.getElementById("as-chosen") : scorer.value ? scorer.selectedOptions[0] : usual).selected = true;
});

async function inBase64(blob) {
  const reader = new FileReader();
  await new Promise((done, failed) => {
    reader.onload = done;
    reader.onerror = () => failed(new Error("The file cannot be read. Choose it again."));
    reader.readAsDataURL(blob);
  });
  return reader.result.slice(reader.result.indexOf(",") + 1);
}

adding?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { settings, cases } = chosenFiles();
  const name = document.getElementById("suite-name");
  const ending = cases[0]?.name.split(".").at(-1).toLowerCase();
  if (cases.length !== 1) return fault(files, cases.length ? "Choose one file of cases, not several." : "Choose a file of cases.");
  if (ending !== "csv" && ending !== "jsonl") return fault(files, `${cases[0].name} ends in neither .csv nor .jsonl, so its form is not known.`);
  if (cases[0].size > Number(adding.dataset.bytesMax)) return fault(files, `${cases[0].name} is too large: split the suite.`);
  if (!name.value.trim()) return fault(name, "Give the suite a name.");
  const button = document.getElementById("add-suite");
  if (!taken(button)) return;
  try {
    const said = settings ?? new Blob([document.getElementById("suite-scorer").value]);
    const added = await api("POST", "/evaluations/suites", {
      name: name.value.trim(),
      form: ending,
      file: cases[0].name,
      cases: await inBase64(cases[0]),
      settings: await inBase64(said),
    });
    location.assign(`/console/evaluations/suite?word=${encodeURIComponent(added.word)}`);
  } catch (error) {
    button.ariaDisabled = null;
    fault(error.code === "invalid_request_error" ? files : name, error.message);
  }
});

// --- what goes

const deleting = document.getElementById("deleting");
let doomed = "";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-delete]");
  if (!button) return;
  doomed = button.dataset.delete;
  deleting.returnValue = "";
  deleting.showModal();
});

deleting?.addEventListener("close", async () => {
  // The event comes late: one of an earlier closing may find what a later one has answered.
  if (deleting.returnValue !== "yes" || !doomed) return;
  const path = doomed;
  doomed = "";
  try {
    await api("DELETE", path);
    sessionStorage.setItem("evaluation", path.includes("/suites/") ? "The suite is deleted" : "The run is deleted");
    location.replace("/console/evaluations");
  } catch (error) {
    toast(error.message, "bad");
  }
});

// --- runs to compare, and cases one after the other

const pick = document.getElementById("compare-two");
document.addEventListener("change", (event) => {
  if (pick && event.target.matches('input[form="pick"]')) {
    pick.disabled = document.querySelectorAll('input[form="pick"]:checked').length !== 2;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest("input, textarea, select, [tabindex], summary")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (rel) document.querySelector(`a[rel="${rel}"]`)?.click();
});
