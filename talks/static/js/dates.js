// Dates in the reader's language, and in the reader's zone where the time of day and its zone are known.
(() => {
  const language = navigator.language;
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });

  for (const element of document.querySelectorAll("time[data-date]")) {
    const written = element.dateTime;
    const timed = written.includes("T");
    if (timed && !/(Z|[+-]\d\d:\d\d)$/.test(written)) continue; // local time of an unknown place
    const at = new Date(written);
    if (Number.isNaN(at.getTime())) continue;
    if (timed) element.title = `${element.textContent} where it was given`;
    element.textContent = (timed ? moment : day).format(at);
    element.lang = language;
  }

  for (const element of document.querySelectorAll("[data-dates]")) {
    const [first, last] = [...element.querySelectorAll("time")].map((time) => new Date(time.dateTime));
    if (!(first <= last)) continue; // also where one of them is no date
    element.textContent = day.formatRange(first, last);
    element.lang = language;
  }
})();
