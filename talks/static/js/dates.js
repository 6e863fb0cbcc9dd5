// Dates in the reader's language, and in the reader's zone where the time of day and its zone are known.
(() => {
  const language = navigator.language;
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" });

  // Day and time apart, joined as the server joins them: as long as what stood there, so that no line breaks anew.
  const both = (zone) => {
    const formats = [{ dateStyle: "long" }, { timeStyle: "short" }].map(
      (style) => new Intl.DateTimeFormat(language, { ...style, ...zone }),
    );
    return { format: (at) => formats.map((format) => format.format(at)).join(", ") };
  };
  const moment = both({});
  const hour = both({ timeZone: "UTC" }); // of an unknown place: the same hour for every reader

  for (const element of document.querySelectorAll("time[data-date]")) {
    const written = element.dateTime;
    const timed = written.includes("T");
    const zoned = /(Z|[+-]\d\d:\d\d)$/.test(written);
    const at = new Date(timed && !zoned ? `${written}Z` : written);
    if (Number.isNaN(at.getTime())) continue;
    if (timed && zoned) element.title = element.textContent + (element.dataset.date ? "" : " where it was given");
    element.textContent = (!timed ? day : zoned ? moment : hour).format(at);
    element.lang = language;
  }

  for (const element of document.querySelectorAll("[data-dates]")) {
    const [first, last] = [...element.querySelectorAll("time")].map((time) => new Date(time.dateTime));
    if (!(first <= last)) continue; // also where one of them is no date
    element.textContent = day.formatRange(first, last);
    element.lang = language;
  }
})();
