// The try-it box: examples to take, Ctrl+Enter, and the answer's first sentence read aloud. The form itself is htmx's.

const form = document.getElementById("try");
const result = document.getElementById("result");

form?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-example]");
  if (!button) return;
  const text = document.getElementById("text");
  text.value = button.dataset.example;
  text.dispatchEvent(new Event("input"));
  form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const field = event.target.closest("textarea");
  if (field) field.form.requestSubmit();
});

let submitted = false;
form?.addEventListener("submit", () => { submitted = true; });

result?.addEventListener("htmx:afterSwap", () => {
  document.getElementById("said").textContent = result.querySelector("h2, .notice")?.textContent ?? "";
  // Where the answer comes below the form, it would not be seen.
  if (submitted && result.getBoundingClientRect().top > innerHeight * 0.6) result.scrollIntoView();
  submitted = false;
});
