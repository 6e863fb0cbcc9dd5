// Screen readers say what changes in a live region, not what was there from the start: so put it there again.
(() => {
  const region = document.querySelector("[data-messages]");
  if (region && region.childElementCount) {
    const messages = [...region.childNodes].map((node) => node.cloneNode(true));
    setTimeout(() => region.replaceChildren(...messages), 150);
  }
  const errors = document.querySelector("[data-errors]");
  if (errors) errors.focus();
})();
