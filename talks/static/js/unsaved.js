// Leaving a form with unsaved text asks first.
(() => {
  for (const form of document.querySelectorAll("form[data-unsaved]")) {
    let unsaved = form.dataset.unsaved === "yes"; // shown again with errors
    form.addEventListener("input", () => (unsaved = true));
    form.addEventListener("submit", () => (unsaved = false));
    addEventListener("beforeunload", (event) => {
      if (unsaved) event.preventDefault();
    });
  }
})();
