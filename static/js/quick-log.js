/* The quick log: what is said is kept on this phone first, then sent; it stays until Foldback has it. Each record has an
   id of its own, so that sending it again records it once. Without this the page is an ordinary form. */
"use strict";

(() => {
  const KEY = "foldback-quick-log";
  const form = document.querySelector("form");
  const list = document.querySelector("#kept");
  const state = document.querySelector("#state");
  const { person, worker, signIn } = form.dataset;

  const read = () => {
    try { return JSON.parse(localStorage.getItem(KEY)) || []; } catch { return []; }
  };
  const write = (records) => {
    try { localStorage.setItem(KEY, JSON.stringify(records)); return true; } catch { return false; }
  };
  const forget = (id) => write(read().filter((one) => one.id !== id));
  const replace = (record) => write(read().map((one) => (one.id === record.id ? record : one)));
  const newId = () => "phone-" + [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
  const csrf = () => (document.cookie.match(/(?:^|; )csrftoken=([^;]*)/) || ["", form.csrfmiddlewaretoken.value])[1];

  const done = [];

  function element(tag, text, more = {}) {
    return Object.assign(document.createElement(tag), { textContent: text }, more);
  }

  function draw(trouble = "") {
    const mine = read().filter((one) => one.person === person);
    const others = read().length - mine.length;
    list.replaceChildren(...mine.map(asKept).reverse(), ...done.map(asDone).reverse());
    const told = [];
    if (mine.length) told.push(`${mine.length} kept on this phone. ${trouble}`);
    if (others) told.push(`${others} of somebody else's wait until they sign in here.`);
    state.textContent = told.join(" ");
    if (trouble && mine.length && trouble.startsWith("Sign in")) {
      state.append(" ", element("a", "Sign in", { href: signIn }));
    }
    state.hidden = !told.length;
  }

  function asKept(record) {
    const item = element("li", "");
    item.append(element("span", record.text), element("small", record.refused ? `Not taken: ${record.refused}` : "Kept here; it is sent as soon as Foldback answers."));
    if (record.refused) {
      const again = element("button", "Change it", { type: "button", className: "plain" });
      again.addEventListener("click", () => {
        form.text.value = record.text;
        forget(record.id);
        draw();
        form.text.focus();
      });
      item.append(again);
    }
    return item;
  }

  function asDone(answer) {
    const item = element("li", "");
    const where = answer.hosts.length ? `on ${answer.hosts.join(", ")}` : "on no host in particular";
    item.append(element("span", answer.title), element("small", `Logged ${where}.`), element("a", answer.reference, { href: answer.url }));
    return item;
  }

  function send(record) {
    const body = new URLSearchParams({
      text: record.text,
      incident: record.incident,
      external_id: record.id,
      person: record.person,
      ago: Math.max(0, Math.round((Date.now() - record.at) / 1000)),
    });
    record.hosts.forEach((host) => body.append("hosts", host));
    return fetch(form.action, {
      method: "POST",
      body,
      headers: { Accept: "application/json", "X-CSRFToken": csrf() },
      redirect: "error",
      signal: AbortSignal.timeout?.(15000),
    });
  }

  let busy = false;
  async function deliver() {
    if (busy) return;
    busy = true;
    let trouble = "";
    try {
      for (const record of read().filter((one) => one.person === person && !one.refused)) {
        const response = await send(record);
        const answer = (response.headers.get("Content-Type") || "").startsWith("application/json") ? await response.json() : null;
        if (response.ok && answer) {
          forget(record.id);
          done.push(answer);
        } else if (answer && [400, 404, 409, 422].includes(response.status)) {
          replace({ ...record, refused: answer.detail });
        } else {
          trouble = response.status === 403 ? "Sign in again, and it is sent." : "Foldback does not take it just now; it is tried again.";
          break;
        }
        draw();
      }
    } catch {
      trouble = "Foldback can't be reached; it is tried again.";
    } finally {
      busy = false;
      draw(trouble);
    }
  }

  form.addEventListener("submit", (event) => {
    const data = new FormData(form);
    const record = {
      id: newId(),
      at: Date.now(),
      person,
      text: data.get("text").trim(),
      hosts: data.getAll("hosts"),
      incident: data.get("incident") || "",
    };
    if (!record.text || !write([...read(), record])) return; // no room to keep it: sent as a plain form
    event.preventDefault();
    form.text.value = "";
    form.querySelectorAll("[name=hosts]").forEach((box) => { box.checked = false; });
    form.text.focus();
    draw();
    deliver();
  });

  form.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  addEventListener("online", deliver);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) deliver(); });
  setInterval(() => { if (!document.hidden && read().length) deliver(); }, 20000);
  draw();
  deliver();
  navigator.serviceWorker?.register(worker).catch(() => {});
})();
