/* What the pages do beyond links and forms. Everything here is a convenience: without it they still work.
   No styles are set and nothing is fetched from anywhere else. */
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

  /* Lists: j and k move, x selects, Enter opens. Focus moves with them, so screen readers follow. */
  const rows = () => all("[data-row]").filter((row) => row.offsetParent !== null);
  const hereIs = () => rows().findIndex((row) => row.classList.contains("here"));

  function goTo(index) {
    const list = rows();
    if (!list.length) return;
    const row = list[Math.max(0, Math.min(index, list.length - 1))];
    list.forEach((other) => other.classList.toggle("here", other === row));
    (one("a[data-open], a", row) || row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function select() {
    const row = rows()[hereIs()];
    const box = row && one("input[data-pick]", row);
    if (box) box.click();
  }

  function countSelected() {
    const bar = one("[data-selection-bar]");
    if (!bar) return;
    const picked = all("input[data-pick]:checked").length;
    const total = all("input[data-pick]").length;
    const about = one("[data-selection-about]", bar);
    const everything = one("input[data-pick-all]");
    if (everything) everything.checked = total > 0 && picked === total;
    if (!picked) one("#decision-panel")?.replaceChildren();
    about.textContent = picked ? `${picked} of ${total} on this page selected` : about.dataset.selectionAbout;
  }

  function selectAll(box) {
    all("input[data-pick]").forEach((other) => { other.checked = box.checked; });
    countSelected();
  }

  /* Palette: the rail's places, this page's actions, and search. */
  const palette = one("#palette");
  const entry = palette && one("input", palette);
  const listing = palette && one("ul", palette);

  function offers(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const places = all("a[data-palette], .choices [data-key]").map((link) => ({
      label: (one("span:not(.count, .keys)", link) || link).textContent.trim() || link.textContent.trim(),
      hint: link.closest(".choices") ? "decide" : "page",
      run: () => link.click(),
    }));
    const seen = new Set();
    const fitting = places.filter((place) => {
      const label = place.label.toLowerCase();
      const fits = words.every((word) => label.includes(word)) && !seen.has(label);
      seen.add(label);
      return fits;
    });
    if (query.trim()) {
      fitting.push({ label: `Search for “${query.trim()}”`, hint: "search", run: () => search(query.trim()) });
    }
    return fitting;
  }

  function search(query) {
    const field = one("#search");
    field.value = query;
    field.form.requestSubmit();
  }

  let offered = [];
  let chosen = 0;

  function drawPalette() {
    offered = offers(entry.value);
    chosen = 0;
    listing.replaceChildren(...offered.map((offer, index) => {
      const item = document.createElement("li");
      const hint = document.createElement("span");
      item.id = `palette-${index}`;
      item.setAttribute("role", "option");
      item.textContent = offer.label;
      hint.className = "hint";
      hint.textContent = offer.hint;
      item.append(hint);
      item.addEventListener("click", () => takeOffer(index));
      return item;
    }));
    showChosen();
  }

  function showChosen() {
    all("[role=option]", listing).forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === chosen));
      if (index === chosen) item.scrollIntoView({ block: "nearest" });
    });
    entry.setAttribute("aria-activedescendant", offered.length ? `palette-${chosen}` : "");
  }

  function takeOffer(index) {
    const offer = offered[index];
    palette.close();
    if (offer) offer.run();
  }

  function openPalette() {
    if (!palette || palette.open) return;
    entry.value = "";
    drawPalette();
    palette.showModal();
  }

  if (palette) {
    entry.addEventListener("input", drawPalette);
    entry.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const step = event.key === "ArrowDown" ? 1 : -1;
        chosen = (chosen + step + offered.length) % Math.max(1, offered.length);
        showChosen();
        event.preventDefault();
      } else if (event.key === "Enter") {
        takeOffer(chosen);
        event.preventDefault();
      }
    });
    palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  }

  /* Keys of single letters never fire while somebody types, nor with a modifier held. */
  const keys = {
    j: () => goTo(hereIs() + 1),
    k: () => goTo(hereIs() - 1),
    x: select,
    "/": () => one("#search")?.focus(),
    "?": () => one("#help")?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.key === "Escape" && event.target.matches("#search")) event.target.blur();
    if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target) || one("dialog[open]")) return;
    const action = keys[event.key] || decision(event.key);
    if (action) {
      event.preventDefault();
      action();
    }
  });

  function decision(key) {
    if (!/^[a-z]$/.test(key)) return null;
    const link = one(`.choices [data-key="${key}"]`);
    return link && link.checkVisibility({ visibilityProperty: true }) ? () => link.click() : null;
  }

  /* Theme: the form would do; this spares the trip. */
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-form]");
    const theme = event.submitter?.value;
    if (!form || !theme) return;
    event.preventDefault();
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    all("button[name=theme]", form).forEach((button) => {
      button.setAttribute("aria-pressed", String(button.value === theme));
    });
  });

  /* Clicks: copy, dismiss, open a dialog, select all, close menus that are left. */
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) copyFrom(copy);
    event.target.closest("[data-dismiss]")?.closest(".message").remove();
    const closer = event.target.closest("#decision-panel [data-close-panel]");
    if (closer) {
      event.preventDefault();
      one("#decision-panel").replaceChildren();
      one(".decision-bar .choices [data-key]")?.focus();
    }
    const opener = event.target.closest("[data-opens]");
    if (opener) one(`#${opener.dataset.opens}`).showModal();
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target) || opener) menu.open = false; });
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) selectAll(event.target);
    if (event.target.matches("[data-pick]")) countSelected();
  });

  async function copyFrom(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return;
    }
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  }

  /* What only works with this script is hidden until it runs; also in what htmx brings in later. */
  function reveal(root) {
    const canCopy = Boolean(navigator.clipboard);
    all("[data-copy][hidden]", root).forEach((button) => { button.hidden = !canCopy; });
    all("[data-dismiss], [data-opens], [data-pick-all], [data-pick-all-label]", root).forEach((part) => { part.hidden = false; });
  }

  /* The panel of the decision bar. What is open already is not fetched again over what somebody types there, and a
     reason that was typed goes along to another choice. The keyboard goes where the eye is. */
  function watchPanel() {
    const panel = one("#decision-panel");
    if (!panel) return;
    const enter = () => (
      one("input:checked", panel) || one("input:not([type=hidden]), textarea, select", panel) || one("button, a", panel)
    )?.focus({ preventScroll: true });
    let reason = "";
    panel.addEventListener("htmx:beforeSwap", () => { reason = one("textarea[name=reason]", panel)?.value || ""; });
    panel.addEventListener("htmx:afterSwap", (event) => {
      panel.dataset.path = event.detail.pathInfo.finalRequestPath;
      const field = one("textarea[name=reason]", panel);
      if (field && !field.value) field.value = reason;
      enter();
    });
    document.body.addEventListener("htmx:beforeRequest", (event) => {
      if (event.detail.target !== panel || !panel.firstElementChild) return;
      if (event.detail.pathInfo.finalRequestPath !== panel.dataset.path) return;
      event.preventDefault();
      enter();
    });
  }

  /* Whoever is leaving is not called back: a page that loads itself anew while the next one is on its way would take
     its place. It asks again soon; by then it is gone, or it was a download that was asked for, and it loads. */
  const LEAVING_MS = 10_000;
  let left = -Infinity;
  window.addEventListener("beforeunload", () => { left = performance.now(); });

  function stayGone(event) {
    const reloads = event.detail.xhr.getResponseHeader("HX-Refresh") === "true";
    if (reloads && performance.now() - left < LEAVING_MS) event.preventDefault();
  }

  function start(root) {
    reveal(root);
    countSelected();
  }

  document.addEventListener("DOMContentLoaded", () => {
    start(document);
    one(".form-errors")?.focus();
    watchPanel();
    document.body.addEventListener("htmx:beforeOnLoad", stayGone);
    document.body.addEventListener("htmx:load", (event) => start(event.detail.elt.parentElement || document));
  });
})();
