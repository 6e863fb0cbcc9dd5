// Makes and uses passkeys. The site says what it needs, the browser answers, and the form carries that back.
(() => {
  const NAMED = {
    InvalidStateError: "This device holds a passkey of your account already.",
    NotAllowedError: "No passkey was used. Try again when you are ready.",
    SecurityError: "Browsers take passkeys over https only, and where the site has a name.",
  };

  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");

  // JSON has no bytes: what is one here is base64url there.
  const read = (options) => {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const list of ["excludeCredentials", "allowCredentials"]) {
      for (const each of options[list] ?? []) each.id = bytes(each.id);
    }
    return options;
  };

  const written = ({ id, rawId, type, response }) => {
    const said = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
      if (response[name]) said[name] = text(response[name]);
    }
    return JSON.stringify({ id, type, rawId: text(rawId), response: said });
  };

  const ask = async (form) => {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    const answer = await fetch(form.dataset.options, { method: "POST", body });
    if (answer.redirected) {
      location.assign(answer.url); // the password is asked for again, or the sign-in took too long
      return null;
    }
    const publicKey = read(await answer.json());
    return navigator.credentials[form.dataset.passkey]({ publicKey });
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("button");
    const said = form.querySelector("[data-passkey-said]");
    if (!button) continue;
    const say = (sentence) => {
      said.textContent = sentence;
      said.hidden = !sentence;
    };
    form.hidden = button.hidden = false;
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      say(isSecureContext ? "This browser has no passkeys." : NAMED.SecurityError);
    }
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      say("");
      button.disabled = true;
      try {
        const made = await ask(form);
        if (!made) return;
        form.elements.passkey.value = written(made);
        form.submit();
      } catch (error) {
        say(NAMED[error.name] ?? "That did not work. Reload the page, and try again.");
      } finally {
        button.disabled = false;
      }
    });
  }
})();
