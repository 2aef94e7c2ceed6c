// What every page's script uses: the control-plane API, server-sent events, short messages, and the frame's own keys.

const csrf = document.querySelector('meta[name="csrf-token"]').content;
const API = "/control/v1";

/** Ask the control plane. Gives its answer, or null where there is none. Throws an Error with the server's own words. */
export async function api(method, path, body) {
  const headers = { "x-csrf-token": csrf };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(API + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The gateway does not answer. Is it still running?");
  }
  if (response.status === 204) return null;
  const told = await response.json().catch(() => ({}));
  if (response.ok) return told;
  if (response.status === 401) location.assign(`/console/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  const error = new Error(told.error?.message ?? `The gateway answered with ${response.status}.`);
  error.code = told.error?.code;
  throw error;
}

/** Follow a stream of events: `handlers` by event name, each given the event's data. `close()` what it gives to stop. */
export function listen(path, handlers) {
  const source = new EventSource(API + path);
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data), event));
  }
  window.addEventListener("pagehide", () => source.close(), { once: true });
  return source;
}

/** A message for a few seconds; `kind` "bad" for what went wrong, which stays until it is clicked. */
export function toast(text, kind = "") {
  const made = document.createElement("div");
  made.className = `toast ${kind}`;
  made.textContent = text;
  made.addEventListener("click", () => made.remove());
  document.getElementById("toasts").append(made);
  if (kind !== "bad") setTimeout(() => made.remove(), 4000);
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

// --- the frame

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button.dataset.copy);
  const code = event.target.closest("[data-copy-code]");
  if (code) copy(code.closest(".code-block").querySelector("code").textContent);
});

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["x-csrf-token"] = csrf;
});
document.addEventListener("htmx:responseError", (event) => {
  toast(event.detail.xhr.responseText.slice(0, 300) || "That did not work.", "bad");
});
document.addEventListener("htmx:sendError", () => toast("The gateway does not answer. Is it still running?", "bad"));

const side = document.getElementById("side");
const menu = document.getElementById("menu");
menu?.addEventListener("click", () => menu.setAttribute("aria-expanded", String(side.classList.toggle("open"))));

document.getElementById("leave")?.addEventListener("click", async () => {
  await fetch("/console/sign-out", { method: "POST", headers: { "x-csrf-token": csrf } });
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

// `g`, then a page's letter, goes there; not while something is being typed.
let going = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "g") {
    going = Date.now();
  } else if (Date.now() - going < 1500) {
    going = 0;
    document.querySelector(`.nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
  }
});
