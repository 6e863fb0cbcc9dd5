// What is typed as a comment or an entry is shown as it will look: drawn by the server, as it is when it is sent.
(() => {
  const PAUSE = 400; // milliseconds without a key

  for (const region of document.querySelectorAll("[data-preview]")) {
    const form = region.closest("form");
    const typed = form.elements.body;
    const shown = region.querySelector("[data-preview-text]");
    let timer = 0;
    let asked = new AbortController();

    const draw = async () => {
      asked.abort();
      asked = new AbortController();
      if (!typed.value.trim()) {
        region.hidden = true;
        return;
      }
      try {
        const answer = await fetch("/preview", {
          method: "POST",
          body: new URLSearchParams({ body: typed.value, kind: region.dataset.preview || "comment" }),
          signal: asked.signal,
        });
        if (!answer.ok && answer.status !== 422) return; // what was drawn before stays
        const part = new DOMParser().parseFromString(await answer.text(), "text/html");
        shown.replaceChildren(...part.body.childNodes);
        region.hidden = false;
      } catch {
        // a newer one is under way, or there is no connection
      }
    };

    typed.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(draw, PAUSE);
    });
    for (const button of form.querySelectorAll("[data-preview-button]")) button.hidden = true;
    if (typed.value !== typed.defaultValue || form.dataset.unsaved === "yes") draw(); // kept, or sent back
  }
})();
