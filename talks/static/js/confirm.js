// What asks "are you sure?" by unfolding asks in a dialog instead.
(() => {
  for (const fold of document.querySelectorAll("details[data-confirm]")) {
    const question = fold.querySelector(".question");
    const heading = question.querySelector("h2");
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", heading.id);
    dialog.className = "question";
    dialog.append(...question.childNodes);
    question.remove();
    fold.after(dialog);

    const cancel = document.createElement("button");
    cancel.type = "button";
    cancel.className = "second";
    cancel.textContent = "Cancel";
    cancel.addEventListener("click", () => dialog.close());
    dialog.querySelector(".acts").append(cancel);

    const summary = fold.querySelector("summary");
    summary.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.showModal();
      cancel.focus(); // the harmless one
    });
    dialog.addEventListener("close", () => summary.focus());
  }
})();
