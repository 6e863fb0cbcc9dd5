// What Flask-Admin would put into attributes, where the security policy lets nothing run.
(() => {
  for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;

  for (const form of document.querySelectorAll("form[data-ask]")) {
    form.addEventListener("submit", (event) => {
      if (!window.confirm(form.dataset.ask)) event.preventDefault();
    });
  }

  for (const button of document.querySelectorAll("[data-panel-action]")) {
    button.addEventListener("click", () => window.modelActions.execute(button.dataset.panelAction));
  }

  // What a filter asks for is called as its button.
  const filters = document.querySelector("table.filters");
  const call = () => {
    for (const row of filters.rows) {
      const name = row.querySelector(".remove-filter")?.textContent.replace("×", "").trim();
      for (const part of row.querySelectorAll("input, select")) part.setAttribute("aria-label", name ?? "Filter");
    }
  };
  if (filters) {
    filters.after(filters.closest("form").querySelector(".pull-right")); // what applies them
    call();
    new MutationObserver(call).observe(filters, { childList: true, subtree: true });
  }

  for (const filter of document.querySelectorAll("a.filter")) {
    filter.addEventListener("click", (event) => event.preventDefault());
  }
})();
