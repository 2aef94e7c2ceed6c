// The try-it box: examples to take, and Ctrl+Enter. The form itself is htmx's.

const form = document.getElementById("try");
const text = document.getElementById("text");

function ask() {
  form.requestSubmit();
}

form?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-example]");
  if (!button) return;
  text.value = button.dataset.example;
  ask();
});

// In every field that is longer than a line.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const field = event.target.closest("textarea");
  if (field) field.form.requestSubmit();
});
