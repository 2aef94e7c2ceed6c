// What every page's script uses: the control-plane API, parts of pages, server-sent events, short messages, what is wrong
// with a field, times; and the frame's own keys.

const csrf = document.querySelector('meta[name="csrf-token"]').content;
const API = "/control/v1";
const SILENT = "The gateway does not answer. Is it still running?";

async function reach(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(SILENT);
  }
  if (response.status === 401) signIn();
  return response;
}

/** To where one signs in, and back here afterwards. */
function signIn() {
  location.assign(`/console/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Ask the control plane. Gives its answer, or null where there is none. Throws an Error with the server's own words. */
export async function api(method, path, body) {
  const headers = { "x-csrf-token": csrf };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await reach(API + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (response.status === 204) return null;
  const told = await response.json().catch(() => ({}));
  if (response.ok) return told;
  const error = new Error(told.error?.message ?? `The gateway answered with ${response.status}.`);
  error.code = told.error?.code;
  throw error;
}

/** A part of a page, as HTML. Throws an Error with the server's own words. */
export async function part(path) {
  const response = await reach(path, { headers: { "hx-request": "true" } });
  const told = await response.text();
  if (!response.ok) throw new Error(told);
  return told;
}

// A stream that is lost is told of unless it is back soon. Of one that lives something is heard every 15 seconds.
const LOST_AFTER_MS = 1_000;
const SILENT_MAX_MS = 40_000;
const lost = new Set();

function tellLost() {
  const told = document.getElementById("connection");
  const words = lost.size ? "Connection lost; trying again. What you see here may be out of date." : "";
  if (told.textContent !== words) told.textContent = words;
}

/** Follow a stream of events: `handlers` by event name, each given the event's data. `close()` what it gives to stop. */
export function listen(path, handlers) {
  const stream = { close };
  let source = null;
  let silence = 0;
  let losing = 0;

  function begin() {
    source = new EventSource(API + path);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        heard();
        handle(JSON.parse(event.data), event);
      });
    }
    for (const name of ["open", "alive"]) source.addEventListener(name, heard);
    source.addEventListener("error", failed);
  }

  function heard() {
    forget();
    silence = setTimeout(anew, SILENT_MAX_MS);
  }

  function forget() {
    clearTimeout(silence);
    clearTimeout(losing);
    losing = 0;
    lost.delete(stream);
    tellLost();
  }

  function missed() {
    losing ||= setTimeout(() => {
      lost.add(stream);
      tellLost();
    }, LOST_AFTER_MS);
  }

  // While the gateway is away the browser tries again by itself; where it is refused, nobody does.
  function failed() {
    if (source.readyState !== EventSource.CLOSED) return missed();
    forget();
    toast("This page no longer follows what happens. Load it again.", "bad");
  }

  // A connection that nobody has ended and that says nothing leads nowhere: the network or the other machine is gone.
  function anew() {
    source.close();
    missed();
    silence = setTimeout(anew, SILENT_MAX_MS);
    begin();
  }

  function close() {
    source.close();
    forget();
  }

  begin();
  silence = setTimeout(anew, SILENT_MAX_MS);
  window.addEventListener("pagehide", close, { once: true });
  return stream;
}

// What one asks or votes with stands at the foot of the window, and messages above it.
const AT_FOOT = ".composer, .judge.open";

/** A message for a few seconds; `kind` "bad" for what went wrong, which stays until it is closed. */
export function toast(text, kind = "") {
  const made = document.createElement("div");
  made.className = `toast ${kind}`;
  made.append(text);
  const before = document.activeElement;
  const toasts = document.getElementById("toasts");
  const foot = document.querySelector(AT_FOOT);
  toasts.style.setProperty("--foot", `${foot?.offsetHeight ?? 0}px`);
  toasts.append(made);
  if (kind !== "bad") {
    setTimeout(() => made.remove(), 4000);
    return;
  }
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => {
    made.remove();
    before.focus();
  });
  made.append(close);
}

/** Put text on the clipboard, and say so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser does not let this page copy. Select the text instead.", "bad");
  }
}

// --- what is wrong with a field stands below it, in every form in the same way

const faultId = (field) => `${field.id || field.name}-fault`;

/** Say it, for eyes and for readers of screens, until the field is changed. With `focus` it is also where one goes on. */
export function fault(field, text, focus = true) {
  faultless(field);
  const group = field.closest("fieldset[data-missing]");
  const told = document.createElement("span");
  told.className = "error";
  told.id = faultId(field);
  told.textContent = text;
  if (focus) told.setAttribute("role", "alert");
  (group?.querySelector("legend") ?? field.closest(".row, .amount") ?? field).after(told);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${told.id}`.trim());
  (group ?? field).addEventListener("input", () => faultless(field), { once: true });
  const folded = field.closest("details:not([open])");
  if (folded) folded.open = true;
  if (focus) field.focus();
}

/** Nothing is wrong with the field any more. */
export function faultless(field) {
  const told = document.getElementById(faultId(field));
  if (!told) return;
  const others = (field.getAttribute("aria-describedby") ?? "").replace(told.id, "").trim();
  if (others) field.setAttribute("aria-describedby", others);
  else field.removeAttribute("aria-describedby");
  field.removeAttribute("aria-invalid");
  told.remove();
}

function complaint(field) {
  if (field.required && !field.value.trim()) return field.dataset.missing ?? "Something has to stand here.";
  if (field.validity.valid) return "";
  return field.validity.patternMismatch ? field.title : field.validationMessage;
}

/** [field, what is wrong with it]: also of a group of ticks of which one has to be set. */
function complaints(form) {
  const fields = [...form.elements].filter((field) => field.willValidate && complaint(field));
  const groups = [...form.querySelectorAll("fieldset[data-missing]")].filter((group) => !group.querySelector(":checked"));
  return [
    ...fields.map((field) => [field, complaint(field)]),
    ...groups.map((group) => [group.querySelector("input:not(:disabled)"), group.dataset.missing]).filter(([field]) => field),
  ];
}

// Where this runs it takes the place of the browser's own bubbles, which each browser shows in its way and language.
for (const form of document.forms) form.noValidate = true;
document.addEventListener("submit", (event) => {
  const wrong = complaints(event.target);
  if (!wrong.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const [first] = wrong;
  for (const [field, text] of wrong.slice(1)) fault(field, text, false);
  fault(...first);
}, true);

// --- times: of the reader's own clock, with UTC to be read by whoever points at them

const DAY = { day: "numeric", month: "short", year: "numeric" };
const MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const CLOCKS = {
  moment: { ...DAY, ...MINUTE },
  exact: { ...DAY, ...MINUTE, second: "2-digit" },
  day: DAY,
  minute: MINUTE,
  second: { ...MINUTE, second: "2-digit" },
};
// The zone is the reader's, the language that of the pages.
const clocks = Object.fromEntries(Object.entries(CLOCKS).map(([form, shape]) => [form, new Intl.DateTimeFormat("en-GB", shape)]));

/** A moment (a Date) in words; `form` is one of CLOCKS, or "brief": of today the minute alone. */
export function timeWords(at, form) {
  const brief = at.toDateString() === new Date().toDateString() ? "minute" : "moment";
  return clocks[form === "brief" ? brief : form].format(at);
}

function localise(inside) {
  for (const time of inside.querySelectorAll("time[data-form]")) {
    const at = new Date(time.dateTime);
    const words = timeWords(at, time.dataset.form);
    time.title ||= `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    if (time.textContent !== words) time.textContent = words;
  }
}
localise(document);
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE && node.parentElement) localise(node.parentElement);
  }
}).observe(document.body, { childList: true, subtree: true });

// --- the frame

document.addEventListener("click", (event) => {
  const fold = event.target.closest("[data-unfold]");
  if (fold) {
    const open = fold.getAttribute("aria-expanded") === "true";
    fold.setAttribute("aria-expanded", String(!open));
    fold.textContent = open ? fold.dataset.unfold : "Show less";
  }
  const button = event.target.closest("[data-copy]");
  if (button) copy(button.dataset.copy);
  const code = event.target.closest("[data-copy-code]");
  if (code) copy(code.closest(".code-block").querySelector("code").textContent);
});

// A link to what is folded away unfolds it.
function unfoldTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.localName === "details") target.open = true;
}
addEventListener("hashchange", unfoldTarget);
addEventListener("load", unfoldTarget);

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["x-csrf-token"] = csrf;
});
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status === 401) signIn();
  else toast(detail.xhr.responseText.slice(0, 300) || "That did not work.", "bad");
});
document.addEventListener("htmx:sendError", () => toast(SILENT, "bad"));

const side = document.getElementById("side");
const menu = document.getElementById("menu");
menu?.addEventListener("click", () => menu.setAttribute("aria-expanded", String(side.classList.toggle("open"))));

document.getElementById("leave")?.addEventListener("click", async () => {
  try {
    await reach("/console/sign-out", { method: "POST", headers: { "x-csrf-token": csrf } });
  } catch (error) {
    toast(error.message, "bad");
    return;
  }
  sessionStorage.clear(); // what was written and not sent is not for whoever comes next
  location.assign("/console/sign-in");
});

const themes = [[null, "as the system"], ["light", "light"], ["dark", "dark"]];
const themeButton = document.getElementById("theme");
function showTheme() {
  const now = document.documentElement.dataset.theme ?? null;
  const [, words] = themes.find(([name]) => name === now) ?? themes[0];
  if (themeButton) themeButton.querySelector("span").textContent = `Theme: ${words}`;
}
themeButton?.addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? null;
  const next = themes[(themes.findIndex(([name]) => name === now) + 1) % themes.length][0];
  if (next) {
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
  } else {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("theme");
  }
  showTheme();
});
showTheme();

// What has the focus may go while a page renews itself, be hidden or switched off: then what stands in its place has it,
// or else what is around it, so that who works with the keys goes on from there.
let focused = null;

function known(one) {
  if (one.id || one.ariaLabel) return one.id || one.ariaLabel;
  const written = one.matches("textarea, select, input:not([type='radio'], [type='checkbox'])");
  return one.name ? `${one.name} ${written ? "" : one.value}` : one.textContent.trim();
}

const alike = (one, name) => [...document.getElementsByTagName(one.localName)].filter((other) => known(other) === name);

function usable(one) {
  return one.isConnected && one.checkVisibility() && !one.matches(":disabled");
}

document.addEventListener("focusin", ({ target }) => {
  const around = [];
  for (let one = target.parentElement; one && one !== document.body; one = one.parentElement) around.push(one);
  const name = known(target);
  focused = { element: target, around, name, place: alike(target, name).indexOf(target) };
});
document.addEventListener("pointerdown", () => { focused = null; }, { capture: true });

function refocus() {
  const now = (one) => (one.isConnected ? one : one.id && document.getElementById(one.id));
  const around = focused.around.map(now).find((one) => one && usable(one)) ?? document.getElementById("main");
  const twins = alike(focused.element, focused.name);
  const twin = [twins[focused.place], ...twins].find((one) => one && around.contains(one) && usable(one));
  if (!twin && !around.hasAttribute("tabindex")) around.tabIndex = -1;
  (twin ?? around).focus({ preventScroll: true });
}

function check() {
  const now = document.activeElement;
  const lost = focused && document.hasFocus() && (now === document.body || now === focused.element);
  if (lost && !usable(focused.element)) refocus();
}

new MutationObserver((changes) => {
  const { element } = focused ?? {};
  const concerned = changes.some(({ type, target }) => type === "attributes" && target.contains(element));
  // Later, when whoever made the change, or the browser after a dialog, has put the focus elsewhere.
  if (element && (concerned || !element.isConnected)) setTimeout(check);
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["hidden", "disabled", "open"] });

// Keys of one letter can be turned off: who speaks to the computer would press them by accident.
const keysButton = document.getElementById("letter-keys");
const keysOff = () => localStorage.getItem("keys") === "off";
function showKeys() {
  document.documentElement.toggleAttribute("data-keys-off", keysOff());
  if (keysButton) keysButton.textContent = `One-letter keys: ${keysOff() ? "off" : "on"}`;
}
keysButton?.addEventListener("click", () => {
  localStorage.setItem("keys", keysOff() ? "on" : "off");
  showKeys();
});
showKeys();

/** The key that was pressed, where it means something by itself: not while something is typed, nor in a dialog. */
export function keyAlone(event) {
  if (keysOff() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return null;
  return event.target.closest("input, textarea, select, [contenteditable], dialog") ? null : event.key;
}

// `g`, then a page's letter, goes there.
let going = 0;
document.addEventListener("keydown", (event) => {
  const key = keyAlone(event);
  if (key === "g") {
    going = Date.now();
  } else if (key && Date.now() - going < 1500) {
    going = 0;
    document.querySelector(`.nav a[data-key="${CSS.escape(key)}"]`)?.click();
  }
});
