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

  for (const filter of document.querySelectorAll("a.filter")) {
    filter.addEventListener("click", (event) => event.preventDefault());
  }
})();
