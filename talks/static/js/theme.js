// Before the first paint: the colours that the reader chose here, if any.
(function () {
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (error) {
    // storage is switched off: the system decides
  }
})();
