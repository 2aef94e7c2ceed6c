// Chat. What was said is made by the server; this asks, follows answers as they come, and keeps the page in step.

import { api, copy, fault, faultless, listen, part, toast } from "../app.js";

const byId = (id) => document.getElementById(id);
const chat = byId("chat");
const conversation = byId("conversation");
const composer = byId("composer");
const question = byId("question");
const status = byId("status");
const picker = byId("picker");
const filter = byId("picker-filter");
const search = byId("search");
const toEnd = byId("to-end");

let current = chat.dataset.chat || null;
let model = chat.dataset.model || null;
let source = null;
let answering = [];
const coming = new Map(); // by answer: {blocks, reasoning, state}
let files = []; // {name, data, image, size} or, of a question that is asked anew, {name, kept, image}
let editing = null; // {parent}
let choosing = null; // what is done with the name that the picker gives
let asking = false;
let whole = false; // also what the page of a long chat leaves out at first

const article = (id) => byId(`m-${id}`);
const nearEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - 140;
const goToEnd = () => scrollTo(0, document.documentElement.scrollHeight);

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message, "bad");
    return undefined;
  }
}

// --- what was said

// What changes the page goes one after the other, so that nothing older takes the place of something newer.
let work = Promise.resolve();
function inTurn(does) {
  const next = work.then(does);
  work = next.catch(() => {});
  return next;
}

const refresh = () => inTurn(redraw);

async function redraw() {
  const end = nearEnd();
  conversation.innerHTML = await part(`/console/chat/${current}/conversation${whole ? "?all=yes" : ""}`);
  for (const one of conversation.querySelectorAll('[aria-busy="true"]')) {
    const known = coming.get(one.dataset.message);
    if (known) draw(one, known, 0);
  }
  arrived();
  if (end) goToEnd();
}

function arrived() {
  const shown = conversation.querySelector(".turns");
  if (shown) named(shown.dataset.title);
  reached(shown?.dataset.reached);
  const going = byId("left-house");
  if (going && conversation.querySelector(".trail .hosting.vendor")) going.hidden = false;
}

/** A chat that has reached a class is taken for no less from then on. */
function reached(name) {
  const chosen = byId("class");
  const at = [...(chosen?.options ?? [])].findIndex((option) => option.value === name);
  if (at < 1) return;
  for (const option of [...chosen.options].slice(0, at)) option.disabled = true;
  if (chosen.selectedIndex < at) chosen.selectedIndex = at;
  chosen.title = `This chat has reached ${name}, and is taken for no less.`;
}

function named(title) {
  byId("title").textContent = title;
  document.title = `${title} – Ecotone`;
}

// --- what may answer

let beforehand = null; // follows the config for as long as there is no chat whose events tell of it

/** Another config is in force than the one that the page tells of: tell of this one. */
const inForce = (news) => news.in_force !== chat.dataset.inForce && attempt(renew);

const renew = () => inTurn(async () => {
  const at = current ? `/console/chat/${current}` : "/console/chat";
  const now = new DOMParser().parseFromString(await part(at), "text/html");
  const offered = now.getElementById("composer");
  if (!composer || !offered) return location.reload();
  const { rules, inForce } = now.getElementById("chat").dataset;
  chat.dataset.rules = rules;
  byId("picker-list").replaceWith(now.getElementById("picker-list"));
  byId("unread")?.remove();
  const unread = now.getElementById("unread");
  if (unread) foot.after(unread);
  const classes = byId("class");
  const { value } = classes;
  classes.replaceChildren(...now.getElementById("class").options);
  if ([...classes.options].some((option) => option.value === value && !option.disabled)) classes.value = value;
  reached(conversation.querySelector(".turns")?.dataset.reached);
  setModel(model);
  if (picker.open) narrow();
  chat.dataset.inForce = inForce; // last: until all is told, nothing goes out on the word of the page
});

function follow() {
  source?.close();
  beforehand?.close();
  if (!current) return;
  const followed = current;
  source = listen(`/chats/${current}/events?form=html`, {
    // A connection, also a renewed one, begins anew.
    hello: () => coming.clear(),
    gone: () => followed === current && gone(),
    config: inForce,
    chat: (news) => followed === current && changed(news),
    answer: (news) => followed === current && more(news),
  });
}

function gone() {
  source.close();
  const notice = document.createElement("p");
  notice.className = "notice warn";
  notice.textContent = "This chat has been deleted.";
  conversation.replaceChildren(notice);
  composer.hidden = true;
  byId("chat-actions").hidden = true;
  list();
}

async function changed(news) {
  const ended = answering.filter((id) => !news.answering.includes(id));
  answering = news.answering;
  byId("stop").hidden = answering.length === 0;
  byId("send").hidden = answering.length > 0;
  if (!answering.length) faultless(question);
  named(news.title);
  await attempt(() => inTurn(async () => {
    const shown = conversation.querySelector(".turns")?.dataset.leaf ?? "";
    if (shown !== (news.leaf ?? "")) await redraw();
    for (const one of conversation.querySelectorAll('[aria-busy="true"]')) {
      if (!answering.includes(one.dataset.message)) await complete(one.dataset.message);
    }
  }));
  for (const id of ended) coming.delete(id);
  if (ended.length) list();
}

async function complete(id) {
  const at = article(id);
  if (!at) return;
  const end = nearEnd();
  const thinking = at.querySelector(".reasoning")?.open;
  const focused = at.contains(document.activeElement);
  at.outerHTML = await part(`/console/chat/${current}/messages/${id}`);
  const made = article(id);
  if (thinking) made.querySelector(".reasoning").open = true;
  if (focused) made.querySelector("details:not([hidden]) > summary, button")?.focus();
  arrived();
  if (end) goToEnd();
  const says = { done: "The answer is complete.", stopped: "Stopped.", failed: "There is no whole answer." };
  status.textContent = says[made.dataset.state] ?? "";
}

/** Take more of an answer. `coming` has all that this page was told of it, whatever the page shows at the moment. */
function more(news) {
  const known = coming.get(news.id) ?? { blocks: [], reasoning: "", state: "waiting" };
  known.reasoning += news.reasoning;
  known.blocks.length = Math.min(known.blocks.length, news.start);
  known.blocks.push(...news.blocks);
  known.state = news.state;
  coming.set(news.id, known);
  const at = article(news.id);
  if (!at) return;
  const end = nearEnd();
  draw(at, known, news.start);
  if (end) goToEnd();
}

/** Show what is known of an answer that is coming; its blocks before number `from` are there already. */
function draw(at, known, from) {
  const body = at.querySelector("[data-body]");
  const kept = Math.min(from, body.children.length);
  while (body.children.length > kept) body.lastElementChild.remove();
  body.insertAdjacentHTML("beforeend", known.blocks.slice(kept).join(""));
  const thought = at.querySelector("[data-reasoning]");
  if (known.reasoning.length > thought.textContent.length) {
    thought.append(known.reasoning.slice(thought.textContent.length));
    thought.closest("details").hidden = false;
  }
  if (known.state === "streaming") at.classList.replace("waiting", "streaming");
  const waiting = at.querySelector("[data-waiting]");
  if (waiting && (known.blocks.length || known.reasoning)) {
    waiting.remove();
    status.textContent = "The answer has begun.";
  }
}

// --- asking

const make = () => api("POST", "/chats", { model, data_class: declared(), system: byId("system").value.trim() || null });

/** The chat is there, and this page is its page. */
function begun(made) {
  sessionStorage.removeItem(draft());
  current = made.id;
  keepDraft();
  chat.dataset.chat = current;
  history.pushState({}, "", `/console/chat/${current}`);
  byId("chat-actions").hidden = false;
  for (const link of document.querySelectorAll("[data-export]")) {
    link.href = `/control/v1/chats/${current}/export?form=${link.dataset.export}`;
  }
}

/** The class that is declared; null for the lowest, which says nothing. */
function declared() {
  const chosen = byId("class");
  return chosen.selectedIndex > 0 ? chosen.value : null;
}

function lastAnswer() {
  const answers = conversation.querySelectorAll(".turn.answer");
  return answers.length ? answers[answers.length - 1].dataset.message : null;
}

// What is written and not yet asked outlives a reload, a look elsewhere and a session that has ended.
const draft = () => `draft ${current ?? "new"}`;
function keepDraft() {
  if (question.value && !editing) sessionStorage.setItem(draft(), question.value);
  else sessionStorage.removeItem(draft());
}

async function ask() {
  const text = question.value;
  if (asking) return;
  if (!text.trim() && !files.length) return fault(question, "Write a question first, or attach a file.");
  if (answering.length) return fault(question, "An answer is still coming. Wait for its end, or stop it.");
  if (!model) return choose(setModel);
  const wrong = hindrance();
  if (wrong) return fault(question, wrong);
  asking = true;
  byId("send").disabled = true;
  await attempt(async () => {
    const parent = editing ? editing.parent : lastAnswer();
    const made = current ? null : await make();
    try {
      await api("POST", `/chats/${made?.id ?? current}/messages`, {
        text,
        model,
        parent,
        data_class: declared(),
        attachments: files.filter((one) => one.data).map(({ name, data }) => ({ name, data })),
        kept: files.filter((one) => one.kept).map((one) => one.kept),
        in_force: chat.dataset.inForce,
      });
    } catch (error) {
      // A chat is of what was asked in it: a first question that is refused leaves none.
      if (made) await api("DELETE", `/chats/${made.id}`).catch(() => {});
      await renew().catch(() => {}); // until that is done, this refusal stands
      throw error;
    }
    if (made) begun(made);
    question.value = "";
    keepDraft();
    files = [];
    stopEditing();
    showFiles();
    await refresh();
    goToEnd();
    if (!source) follow();
    list();
    status.textContent = `${model} is asked.`;
  });
  asking = false;
  byId("send").disabled = false;
  question.focus();
}

async function again(id, name) {
  await attempt(async () => {
    await api("POST", `/chats/${current}/messages/${id}/again`, { model: name, data_class: declared(), in_force: chat.dataset.inForce }).catch(async (error) => {
      await renew().catch(() => {});
      throw error;
    });
    setModel(name);
    await refresh();
    const made = [...conversation.querySelectorAll(".turn.answer")].at(-1);
    made.tabIndex = -1;
    made.focus({ preventScroll: true });
    status.textContent = `${name} is asked.`;
  });
}

const stop = () => Promise.all(answering.map((id) => attempt(() => api("POST", `/chats/${current}/messages/${id}/stop`))));

function edit(at) {
  const kept = [...at.querySelectorAll("[data-attachment]")];
  editing = { parent: at.dataset.parent || null };
  question.value = at.querySelector("[data-text]")?.textContent ?? "";
  files = kept.map(({ dataset }) => ({ name: dataset.name, kept: dataset.attachment, image: dataset.kind === "image" }));
  byId("editing").hidden = false;
  showFiles();
  question.focus();
}

function stopEditing() {
  if (!editing) return;
  editing = null;
  byId("editing").hidden = true;
}

/** Put a text into the field, as if it had been typed. */
function write(text) {
  question.value = text;
  question.dispatchEvent(new Event("input"));
  question.focus();
}

/** Leave the question that was to be asked anew as it is. */
function leaveEditing() {
  stopEditing();
  files = [];
  showFiles();
  write("");
}

composer?.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
question?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask();
  }
});
document.addEventListener("keydown", (event) => {
  // In the search it empties the field, in a dialog it closes that.
  if (event.key !== "Escape" || event.target === search || document.querySelector("dialog[open]")) return;
  const menu = document.querySelector(".menu-box[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (answering.length) stop();
  else if (editing) leaveEditing();
});
byId("stop")?.addEventListener("click", () => {
  stop();
  question.focus();
});

// --- files

function read(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}

/** Why a file that is no image cannot go with a question; null where it can. */
async function unreadable(file) {
  if (!file.size) return `${file.name} is empty.`;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (!text.includes("\0")) return null;
  } catch {
    // no text in UTF-8
  }
  return `${file.name} is neither text in UTF-8 nor a PNG, JPEG, GIF or WebP image. Copy its text out and attach that.`;
}

async function attach(added) {
  const faults = [];
  for (const file of added) {
    try {
      if (files.length >= Number(chat.dataset.filesMax)) throw new Error(`At most ${chat.dataset.filesMax} files go with one question.`);
      if (file.size > Number(chat.dataset.bytesMax)) throw new Error(`${file.name} is larger than the ${chat.dataset.bytesMaxWords} that may go with one question.`);
      const url = await read(file);
      const image = /^image\/(png|jpeg|gif|webp)$/.test(file.type);
      const wrong = image ? null : await unreadable(file);
      if (wrong) throw new Error(wrong);
      files.push({ name: file.name || "pasted", data: url.slice(url.indexOf(",") + 1), url, image, size: file.size });
    } catch (error) {
      faults.push(error.message);
    }
  }
  showFiles();
  if (faults.length) fault(question, faults.join(" "));
}

function showFiles() {
  faultless(question);
  const shown = byId("attached");
  shown.hidden = files.length === 0;
  shown.replaceChildren(
    ...files.map((file) => {
      const row = document.createElement("li");
      if (file.image && file.url) {
        const image = document.createElement("img");
        image.src = file.url;
        image.alt = "";
        row.append(image);
      }
      const name = document.createElement("span");
      name.textContent = file.name;
      const away = document.createElement("button");
      away.type = "button";
      away.className = "button quiet";
      away.textContent = "Remove";
      away.setAttribute("aria-label", `Remove ${file.name}`);
      away.addEventListener("click", () => {
        files = files.filter((one) => one !== file);
        showFiles();
        question.focus();
      });
      row.append(name, away);
      return row;
    }),
  );
  told();
}

byId("files")?.addEventListener("change", async (event) => {
  await attach(event.target.files);
  event.target.value = "";
  question.focus();
});
question?.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    attach(event.clipboardData.files);
  }
});
const box = composer?.querySelector(".composer-box");
for (const kind of ["dragover", "dragleave", "drop"]) {
  box?.addEventListener(kind, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    box.classList.toggle("dropping", kind === "dragover");
    if (kind === "drop") attach(event.dataTransfer.files);
  });
}

// --- whom to ask

const rows = () => [...picker.querySelectorAll(".choice")].filter((row) => row.dataset.name);
const rowOf = (name) => rows().find((row) => row.dataset.name === name);

function setModel(name) {
  model = name;
  if (!composer) return;
  faultless(question);
  const row = rowOf(name);
  const shown = byId("chosen");
  const marks = [...(row?.querySelectorAll(".weights") ?? [])].map((mark) => {
    const made = mark.cloneNode();
    made.append(mark.querySelector("svg").cloneNode(true));
    return made;
  });
  shown.replaceChildren(...marks, name ?? "Choose a model");
  told();
}

const foot = byId("destination");

function line(text, kind, icon) {
  const made = document.createElement("span");
  made.className = kind;
  if (icon) made.append(byId(`icon-${icon}`).content.cloneNode(true));
  made.append(text);
  return made;
}

/** What keeps the question from being asked at all, in words; null where nothing does. */
function hindrance() {
  const row = rowOf(model);
  if (files.some((one) => one.image) && row?.dataset.images === "no") {
    return `${model} cannot look at images. Ask a model that can, or remove the image.`;
  }
  return null;
}

/** Says below the field where the words would go, or what keeps them from going. */
function told() {
  const row = rowOf(model);
  const wrong = hindrance();
  const words = row?.dataset.destination ?? (model ? "Leaves the house: a vendor’s model that is not listed here." : "");
  const away = row ? row.dataset.away : model;
  const lines = wrong ? [line(wrong, "wrong")] : words ? [line(words, away ? "away" : "", away ? "away" : "home")] : [];
  if (!wrong && files.some((one) => one.image) && row?.dataset.images !== "yes") lines.push(line("Whether it can look at images is not known.", ""));
  foot?.replaceChildren(...lines);
  foresee();
}

// What the rules would make of what is being written, before it goes anywhere.
let foreseeing = 0;
let pause = 0;
function foresee() {
  clearTimeout(pause);
  const mine = ++foreseeing;
  const text = question?.value ?? "";
  if (!chat.dataset.rules || text.length > 20000 || !model || hindrance()) return;
  pause = setTimeout(async () => {
    let trial;
    try {
      trial = await api("POST", "/rules/try", { text, model, class: declared(), principal: "console" });
    } catch {
      return; // what is said without it stays, and asking tells what is wrong
    }
    if (mine !== foreseeing || question.value !== text) return;
    showForeseen(trial);
  }, text ? 300 : 0);
}

const PLACES = { embedded: "in this gateway", "self-hosted": "on your machines", vendor: "leaves the house" };

function showForeseen(trial) {
  const kinds = [...new Set(trial.marks.map((mark) => mark.kind.replaceAll("_", " ")))];
  const denied = trial.places.filter((place) => !place.allowed);
  const first = trial.places.find((place) => place.allowed && !place.problem) ?? trial.places.find((place) => place.allowed);
  const reasons = [...new Set(denied.flatMap((place) => place.rules.filter((rule) => rule.denies).map((rule) => rule.because)))];
  // Nothing found and nothing denied, and nowhere to choose: what stands there already says all.
  if (!kinds.length && !denied.length && !rowOf(model)?.dataset.mixed && !Object.keys(first?.sent?.replaced ?? {}).length) return;
  const lines = [];
  if (!first) {
    lines.push(line(`Would not be sent: ${reasons.join("; ")}.`, "wrong", "rules"));
  } else {
    const next = trial.places.find((place) => place.allowed && !place.problem && place.hosting === "vendor");
    const away = Boolean(next) || first.hosting === "vendor";
    const then = next && first.hosting !== "vendor" ? `; if that does not answer, to ${next.endpoint} (${PLACES.vendor})` : "";
    const kept = denied.length ? `, and not to ${[...new Set(denied.map((place) => place.endpoint))].join(" or ")}: ${reasons.join("; ")}` : "";
    lines.push(line(`Would go to ${first.endpoint} (${PLACES[first.hosting]})${then}${kept}.`, away ? "away" : "", away ? "away" : "home"));
  }
  for (const kind of kinds) lines.push(line(kind, "chip warn"));
  for (const [kind, count] of Object.entries(first?.sent?.replaced ?? {})) {
    lines.push(line(`${count} ${kind.replaceAll("_", " ")} replaced before it goes`, "chip accent"));
  }
  if (trial.class !== declared()) lines.push(line(`class ${trial.class}`, "chip"));
  foot.replaceChildren(...lines);
}

question?.addEventListener("input", told);
byId("class")?.addEventListener("change", told);

function choose(then) {
  choosing = then;
  filter.value = "";
  narrow();
  for (const row of rows()) row.toggleAttribute("aria-current", row.dataset.name === model);
  picker.showModal();
  filter.focus();
}

function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const other = byId("picker-other");
  const otherRow = other.querySelector(".choice");
  let found = 0;
  for (const row of picker.querySelectorAll(".picker-list li")) {
    const button = row.querySelector(".choice");
    if (button === otherRow) continue;
    row.hidden = !words.every((word) => button.textContent.toLowerCase().includes(word));
    found += !row.hidden;
  }
  for (const section of picker.querySelectorAll("section")) {
    if (section !== other) section.hidden = !section.querySelector("li:not([hidden])");
  }
  const named = filter.value.trim();
  other.hidden = !(filter.placeholder.includes("/") && named.includes("/") && !rowOf(named));
  otherRow.dataset.name = other.hidden ? "" : named;
  otherRow.querySelector(".choice-name").textContent = named;
  byId("picker-none").hidden = found > 0 || !other.hidden;
}

filter.addEventListener("input", narrow);
filter.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const said = filter.value.trim().toLowerCase();
  const shown = [...picker.querySelectorAll("section:not([hidden]) li:not([hidden]) .choice")];
  // A name that is meant goes before one that only mentions it.
  const near = (row) => [row.dataset.name.toLowerCase()].map((name) => (name === said ? 0 : name.startsWith(said) ? 1 : name.includes(said) ? 2 : 3))[0];
  shown.sort((one, other) => near(one) - near(other))[0]?.click();
});
picker.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const shown = [filter, ...picker.querySelectorAll("section:not([hidden]) li:not([hidden]) .choice")];
  const at = shown.indexOf(document.activeElement);
  event.preventDefault();
  shown[(at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length].focus();
});
picker.addEventListener("click", (event) => {
  const row = event.target.closest(".choice");
  if (event.target === picker) picker.close();
  if (!row) return;
  picker.close();
  question?.focus();
  choosing(row.dataset.name);
});
byId("choose")?.addEventListener("click", () => choose(setModel));

// --- the list

let listing = 0;
async function list() {
  const mine = ++listing;
  const query = new URLSearchParams({ search: search.value, at: current ?? "" });
  const text = await attempt(() => part(`/console/chat/list?${query}`));
  if (text === undefined || mine !== listing) return;
  const shown = byId("chat-list");
  const focused = shown.contains(document.activeElement) ? document.activeElement.dataset.open : null;
  shown.innerHTML = text;
  if (focused) shown.querySelector(`[data-open="${CSS.escape(focused)}"]`)?.focus();
}

let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(list, 150);
});
byId("chats-toggle").addEventListener("click", (event) => {
  const open = byId("chats").classList.toggle("open");
  event.currentTarget.setAttribute("aria-expanded", String(open));
});

// --- buttons

async function dialog(id, prepare) {
  const shown = byId(id);
  shown.returnValue = "";
  prepare?.(shown);
  shown.showModal();
  await new Promise((closed) => shown.addEventListener("close", closed, { once: true }));
  return shown.returnValue === "yes";
}

const does = {
  copy: (at) => attempt(async () => {
    const found = await api("GET", `/chats/${current}`);
    const said = found.messages.find((one) => one.id === at.dataset.message);
    await copy(said.text || said.refusal);
  }),
  again: (at, button) => again(at.dataset.message, button.dataset.model),
  "again-with": (at) => choose((name) => again(at.dataset.message, name)),
  edit,
  all: async () => {
    whole = true;
    const below = document.documentElement.scrollHeight - scrollY;
    await attempt(refresh);
    scrollTo(0, document.documentElement.scrollHeight - below);
    conversation.querySelector("button")?.focus({ preventScroll: true });
  },
  "stop-editing": leaveEditing,
  close: (_, button) => button.closest("dialog").close(),
  "clear-search": () => {
    search.value = "";
    list();
    search.focus();
  },
  rename: async () => {
    const field = byId("new-title");
    const yes = await dialog("rename", () => {
      field.value = byId("title").textContent;
      field.select();
    });
    if (!yes) return;
    await attempt(async () => {
      const changedTo = await api("PATCH", `/chats/${current}`, { title: field.value });
      named(changedTo.title);
      list();
    });
  },
  delete: async () => {
    if (!(await dialog("delete"))) return;
    source?.close();
    await attempt(async () => {
      await api("DELETE", `/chats/${current}`);
      location.assign("/console/chat");
    });
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button, a");
  const open = document.querySelector(".menu-box[open]");
  if (open && !event.target.closest(".menu-box > summary")) open.open = false;
  if (!button) return;
  const { dataset } = button;
  if (dataset.does) {
    does[dataset.does]?.(button.closest(".turn"), button);
  } else if (dataset.branch) {
    await attempt(async () => {
      await api("POST", `/chats/${current}/messages/${dataset.branch}/show`);
      await refresh();
      article(dataset.branch)?.querySelector(".branches button:not(:disabled)")?.focus();
    });
  } else if (dataset.suggest) {
    write(dataset.suggest);
  } else if (dataset.more) {
    const query = new URLSearchParams({ search: search.value, at: current ?? "", before: dataset.more });
    const text = await attempt(() => part(`/console/chat/list?${query}`));
    if (text === undefined) return;
    const before = button.previousElementSibling;
    button.outerHTML = text;
    before.nextElementSibling?.querySelector("a")?.focus();
  }
});

byId("system").addEventListener("change", (event) => {
  if (current) attempt(() => api("PATCH", `/chats/${current}`, { system: event.target.value.trim() || null }));
});
toEnd?.addEventListener("click", goToEnd);
addEventListener("scroll", () => {
  if (toEnd) toEnd.hidden = nearEnd();
}, { passive: true });
addEventListener("popstate", () => location.reload());

arrived();
if (composer) {
  setModel(model);
  question.value ||= sessionStorage.getItem(draft()) ?? "";
  question.addEventListener("input", keepDraft);
  if (question.value) question.setSelectionRange(question.value.length, question.value.length);
  // Where it would bring up a keyboard that covers the page, the field waits until it is touched.
  if (matchMedia("(hover: hover)").matches) question.focus({ preventScroll: true });
}
if (current) {
  goToEnd();
  follow();
} else {
  beforehand = listen("/choices/events", { config: inForce });
}
