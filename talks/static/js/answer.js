// "Answer" brings the form beneath the comment that is answered, with what was typed already.
(() => {
  const ask = document.querySelector("[data-ask]");
  const form = ask && ask.querySelector("form");
  if (!form) return;
  const home = document.createComment("ask");
  ask.before(home);
  const heading = ask.querySelector("h3");
  const title = heading.textContent;
  const answering = form.querySelector("[data-answering]");
  const answered = form.querySelector("[data-answered]");

  const write = (id, text) => {
    form.elements.parent.value = id;
    answering.hidden = !id;
    answered.href = id ? `#comment-${id}` : "#";
    answered.textContent = text;
    form.elements.body.focus();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-answer], [data-alone]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.matches("[data-alone]")) {
      home.after(ask);
      heading.textContent = title === "Answer" ? "Comment" : title;
      write("", "");
      return;
    }
    const comment = link.closest(".comment");
    comment.after(ask);
    heading.textContent = "Answer";
    write(link.dataset.answer, `${comment.querySelector("b").textContent}, ${comment.querySelector(".number").textContent}`);
  });
})();
