// A click on "play" puts the player in the place of its picture. Nothing is asked of its host before.
(() => {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-play]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const template = link.parentElement.querySelector("template");
    if (!template) return;
    event.preventDefault();
    const player = template.content.cloneNode(true).firstElementChild;
    player.tabIndex = player.localName === "video" ? 0 : player.tabIndex;
    link.parentElement.replaceChildren(player);
    player.focus();
  });
})();
