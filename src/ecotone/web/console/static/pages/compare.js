// Compare: begin a battle, show its answers as they come, vote, ask on.

import { api, keyAlone, listen, part as fetched, toast } from "../app.js";

// --- a new one

const form = document.getElementById("new-battle");

function wanted() {
  const said = new FormData(form);
  const body = { prompt: said.get("prompt"), models: said.getAll("model").filter(Boolean), blind: said.get("blind") === "1" };
  for (const name of ["max_tokens", "temperature"]) {
    if (said.get(name)) body[name] = Number(said.get(name));
  }
  for (const name of ["system", "data_class"]) {
    if (said.get(name)) body[name] = said.get(name);
  }
  return body;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = document.getElementById("begin");
  const problem = document.getElementById("problem");
  button.disabled = true;
  problem.hidden = true;
  try {
    const begun = await api("POST", "/battles", wanted());
    location.assign(`/console/compare/battle/${begun.id}`);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    button.disabled = false;
  }
});

const add = document.getElementById("add-side");

function showAdd() {
  if (add) add.hidden = !document.querySelector(".side-choice[hidden]");
}

add?.addEventListener("click", () => {
  const next = document.querySelector(".side-choice[hidden]");
  next.hidden = false;
  const taken = new FormData(form).getAll("model");
  const choice = next.querySelector("select");
  const free = [...choice.options].find((option) => option.value && !taken.includes(option.value));
  if (free) choice.value = free.value;
  choice.focus();
  showAdd();
});
showAdd();

document.querySelector(".examples")?.addEventListener("click", (event) => {
  const example = event.target.closest("[data-example]");
  if (!example) return;
  const prompt = document.getElementById("prompt");
  prompt.value = example.dataset.example;
  prompt.dispatchEvent(new Event("input"));
  prompt.focus();
});

// Ctrl+Enter sends what is being written.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// --- a battle

const battle = document.getElementById("battle");
const id = battle?.dataset.battle;
const told = document.getElementById("told");
const found = (name) => document.getElementById(name);

const part = (path) => fetched(`/console/compare/battle/${id}/${path}`);

/** Show all of it anew, with what is being written, and with the focus where it was, else on the title. */
async function refresh() {
  const html = await part("part");
  const held = battle.contains(document.activeElement) ? document.activeElement.id || "title" : null;
  const draft = found("next")?.value ?? "";
  battle.innerHTML = html;
  const next = found("next");
  if (next) next.value = draft;
  if (!held) return;
  found(held)?.focus({ preventScroll: true });
  if (!battle.contains(document.activeElement)) found("title").focus({ preventScroll: true });
}

function answer(number, side) {
  return found(`answer-${number}-${side}`);
}

function grow(words, start, blocks) {
  while (words.children.length > start) words.lastChild.remove();
  for (const html of blocks) {
    const block = document.createElement("div");
    block.innerHTML = html; // made safe by the gateway, which passes no HTML of a model on
    words.append(block);
  }
}

function more(article, piece) {
  article.dataset.state = piece.state;
  article.querySelector(".state")?.remove();
  if (piece.reasoning) {
    const thought = article.querySelector(".thought");
    thought.hidden = false;
    thought.querySelector(".said").append(piece.reasoning);
  }
  if (piece.blocks.length) grow(article.querySelector(".words"), piece.start, piece.blocks);
}

// What has come and is not drawn yet, by side. One side is drawn in a frame, so that four at once stay smooth.
const waiting = new Map();
let drawing = false;

function note(number, piece) {
  if (!drawing) requestAnimationFrame(draw);
  drawing = true;
  const before = waiting.get(piece.side);
  if (before?.number === number && before.start <= piece.start) {
    const kept = before.blocks.slice(0, piece.start - before.start);
    piece = { ...piece, start: before.start, blocks: [...kept, ...piece.blocks], reasoning: before.reasoning + piece.reasoning };
  } else if (before?.number === number) {
    piece = { ...piece, reasoning: before.reasoning + piece.reasoning };
  }
  waiting.set(piece.side, { ...piece, number });
}

function draw() {
  for (const [side, piece] of waiting) {
    waiting.delete(side);
    const article = answer(piece.number, side);
    if (article && isComing(article.dataset.state)) more(article, piece);
    break;
  }
  drawing = waiting.size > 0;
  if (drawing) requestAnimationFrame(draw);
}

const isComing = (state) => state === "waiting" || state === "streaming";

async function begin(now) {
  const judge = found("judge");
  const known = judge.dataset.named === String(now.named) && judge.dataset.voted === String(now.voted);
  if (!known || judge.dataset.round !== String(now.number)) await refresh();
  for (const side of now.sides) {
    const article = answer(now.number, side.side);
    if (!isComing(side.state)) {
      if (isComing(article.dataset.state)) await finish(now.number, side.side);
    } else if (side.state === "streaming") {
      waiting.delete(side.side);
      article.querySelector(".words").replaceChildren();
      article.querySelector(".thought .said").replaceChildren();
      more(article, { ...side, start: 0 });
    }
  }
  if (!now.sides.some((side) => isComing(side.state))) await openVote();
}

async function finish(number, side) {
  answer(number, side).outerHTML = await part(`${number}/${side}`);
}

async function openVote() {
  found("judge").outerHTML = await part("judge");
  found("ask-on").hidden = false;
}

function shown(work) {
  return (data) => work(data).catch((error) => toast(error.message, "bad"));
}

if (battle) {
  // One after the other: a change that comes while another is being shown waits for it.
  let queue = Promise.resolve();
  const inTurn = (work) => (data) => { queue = queue.then(() => shown(work)(data)); };
  const source = listen(`/battles/${id}/events?form=html`, {
    battle: inTurn(begin),
    round: inTurn(async (asked) => {
      await refresh();
      document.querySelector(`[data-round="${asked.number}"].round`)?.scrollIntoView({ block: "start" });
    }),
    pieces: inTurn(async (news) => {
      for (const piece of news.pieces) note(news.number, piece);
    }),
    ended: inTurn(async (end) => {
      await finish(end.number, end.side);
      told.textContent = `${end.side.toUpperCase()} has ${end.answer.state === "done" ? "answered" : "ended"}.`;
      if (end.open === 0) await openVote();
    }),
    deleted: () => {
      source.close();
      location.assign("/console/compare");
    },
  });

  battle.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    try {
      if (button.dataset.vote) await vote(button.dataset.vote);
      else if (button.id === "stop") await api("POST", `/battles/${id}/stop`, {});
      else if (button.id === "reveal") await judged(api("POST", `/battles/${id}/reveal`));
      else if (button.id === "delete") found("delete-dialog").showModal();
    } catch (error) {
      toast(error.message, "bad");
    }
  });

  battle.addEventListener("submit", async (event) => {
    event.preventDefault();
    const next = found("next");
    try {
      await api("POST", `/battles/${id}/prompts`, { prompt: next.value });
      next.value = "";
      found("title").focus({ preventScroll: true }); // the field is hidden until all have answered
    } catch (error) {
      toast(error.message, "bad");
    }
  });

  found("delete-dialog").addEventListener("close", async (event) => {
    if (event.target.returnValue !== "delete") return;
    try {
      await api("DELETE", `/battles/${id}`);
    } catch (error) {
      toast(error.message, "bad");
    }
  });

  const keys = { 1: "a", 2: "b", 3: "c", 4: "d", t: "tie", b: "all_bad" };
  document.addEventListener("keydown", (event) => {
    document.querySelector(`[data-vote="${keys[keyAlone(event)]}"]:not(:disabled)`)?.click();
  });
}

let voting = false;

async function vote(choice) {
  if (voting) return; // there is one vote to a battle, however often the button is pressed
  voting = true;
  try {
    await judged(api("POST", `/battles/${id}/vote`, { vote: choice }));
  } finally {
    voting = false;
  }
}

/** What opens the names also changes the title, which is where reading goes on. */
async function judged(work) {
  await work;
  await refresh();
  found("title").focus();
}
