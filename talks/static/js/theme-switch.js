// The switch of colours: as the system, light, dark. Remembered in this browser only.
(() => {
  const NAMES = { system: "as your system", light: "light", dark: "dark" };
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;

  const chosen = () => root.dataset.theme || "system";

  const choose = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // not remembered, but shown
    }
  };

  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    const label = button.querySelector(".unseen");
    const say = () => {
      label.textContent = `Colours: ${NAMES[chosen()]}`;
      button.title = label.textContent;
    };
    button.hidden = false;
    say();
    button.addEventListener("click", () => {
      choose(ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length]);
      say();
    });
  }
})();
