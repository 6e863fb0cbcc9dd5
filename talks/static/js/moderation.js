// Approve, delete, spam, keep and undo without leaving the page: through the API, with a token that lives an hour.
// Whatever fails there goes the way it goes without scripts: the form is sent.
(() => {
  const RESULT = { approve: "approved", delete: "rejected", spam: "spam", keep: "kept" };
  const forms = document.querySelectorAll("form[data-decide]");
  if (!forms.length) return;
  const queue = document.querySelector("[data-queue]");
  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.body.append(said);
  const undone = []; // buttons that undo, the last one last
  let token;

  const getToken = async (form) => {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    const answer = await fetch("/auth/token", { method: "POST", body });
    return (await answer.json()).token;
  };

  // True when the API has done it.
  const ask = async (form, act, of) => {
    // An entry is put by its author; what is decided about it has an address of its own.
    const approve = form.dataset.kind === "entry" ? ["POST", "/approve"] : ["PUT", ""];
    const edited_at = of ? undefined : form.elements.edited_at.value; // which text was seen
    const [method, more] = { approve, delete: ["DELETE", "?approved=true"] }[act] ?? ["POST", `/${act}`];
    const send = async () => {
      token ??= getToken(form);
      const headers = { Authorization: `Bearer ${await token}`, "Content-Type": "application/json" };
      return fetch(form.dataset.decide + more, { method, headers, body: JSON.stringify({ of, edited_at }) });
    };
    try {
      let answer = await send();
      if (answer.status === 401) {
        token = undefined;
        answer = await send();
      }
      return answer.ok;
    } catch {
      token = undefined;
      return false;
    }
  };

  const count = (by) => {
    for (const element of document.querySelectorAll("[data-waiting]")) {
      const number = Number(element.textContent) + by;
      if (!Number.isNaN(number)) element.textContent = Math.max(number, 0); // "99+" stays
      element.parentElement.hidden = element.textContent === "0";
    }
  };

  const waited = (form) => form.dataset.status === "pending" || form.querySelector("[value=keep]");
  const place = (form) => form.closest("[data-item], .comment");

  const tick = (form, decided) => {
    const box = place(form).querySelector("[type=checkbox]");
    if (box) [box.checked, box.disabled] = [false, decided];
  };

  // In the place of the buttons: what was decided, and the way back.
  const show = (form, act) => {
    const line = document.createElement("p");
    line.className = "acts small decided";
    const word = document.createElement("span");
    word.className = `badge ${act === "approve" || act === "keep" ? "badge-good" : "badge-bad"}`;
    word.textContent = form.querySelector(`[value=${act}]`).dataset.done;
    const undo = document.createElement("button");
    undo.type = "button";
    undo.className = "second";
    undo.textContent = "Undo";
    undo.addEventListener("click", () => takeBack(form, act, line));
    line.append(word, undo);
    form.hidden = true;
    place(form).dataset.decided = RESULT[act];
    tick(form, true);
    if (queue) place(form).append(line);
    else form.after(line);
    undone.push(undo);
    said.textContent = `${word.textContent}. Undo is possible.`;
    if (waited(form)) count(-1);
    if (queue) step(1, place(form)) || undo.focus();
    else undo.focus();
  };

  const takeBack = async (form, act, line) => {
    if (!(await ask(form, "undo", RESULT[act]))) return location.reload();
    undone.splice(undone.indexOf(line.querySelector("button")), 1);
    line.remove();
    form.hidden = false;
    delete place(form).dataset.decided;
    tick(form, false);
    said.textContent = "Undone.";
    if (waited(form)) count(1);
    if (queue) open(place(form));
    else form.querySelector("button").focus();
  };

  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    const act = submitter?.value;
    if (!form.matches("[data-decide]") || !(act in RESULT) || form.dataset.plain) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    const done = await ask(form, act);
    delete form.dataset.busy;
    if (done) return show(form, act);
    form.dataset.plain = "yes";
    form.requestSubmit(submitter);
  });

  // The queue by keys
  if (!queue) return;
  const items = [...queue.querySelectorAll("[data-item]")];
  const current = () => document.activeElement.closest("[data-item]") ?? items.find((item) => item.querySelector("details").open);
  const open = (item) => {
    item.querySelector("details").open = true;
    item.querySelector("summary").focus();
    item.scrollIntoView({ block: "nearest" });
  };
  // To the nearest one that is still undecided: that way, or else the other. False when there is none.
  const step = (way, from) => {
    const at = items.indexOf(from);
    const ahead = way > 0 ? items.slice(at + 1) : items.slice(0, Math.max(at, 0)).reverse();
    const others = items.slice(0, Math.max(at, 0)).reverse();
    const next = [...ahead, ...(from?.dataset.decided ? others : [])].find((item) => !item.dataset.decided);
    if (next) open(next);
    return Boolean(next);
  };
  const press = (...names) => {
    const item = current();
    if (!item || item.dataset.decided) return;
    names.map((name) => item.querySelector(`.decide button[value="${name}"]`)).find(Boolean)?.click();
  };

  const help = queue.querySelector("[data-keys-help]");
  const button = queue.querySelector("[data-keys]");
  const use = queue.querySelector("[data-keys-on]");
  const remembered = () => {
    try {
      return localStorage;
    } catch {
      return {}; // not remembered, but used
    }
  };
  use.checked = remembered().keys !== "off";
  use.addEventListener("change", () => (remembered().keys = use.checked ? "on" : "off"));
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());

  const KEYS = {
    j: () => step(1, current()),
    k: () => step(-1, current()),
    a: () => press("approve", "keep"),
    d: () => press("delete"),
    s: () => press("spam"),
    u: () => undone.at(-1)?.click(),
    x: () => current()?.querySelector("[type=checkbox]")?.click(),
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing || help.open || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (!(event.key in KEYS) || (!use.checked && event.key !== "?")) return;
    event.preventDefault();
    KEYS[event.key]();
  });
})();
