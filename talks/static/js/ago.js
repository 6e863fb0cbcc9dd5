// How long ago something was written; the exact time, in the reader's zone, is its title.
(() => {
  const language = navigator.language;
  const ago = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  const UNITS = [["minute", 60], ["hour", 3600], ["day", 86400], ["month", 2629800], ["year", 31557600]];

  for (const element of document.querySelectorAll("time[data-ago]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const seconds = Math.max(0, (Date.now() - at) / 1000);
    const [unit, length] = UNITS.findLast((each) => seconds >= each[1]) ?? ["second", 60];
    element.textContent = ago.format(-Math.floor(seconds / length), unit);
    element.title = exact.format(at);
    element.lang = language;
  }
})();
