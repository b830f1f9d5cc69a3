/* Keeps the quick log's page for when Foldback can't be reached: what the network gives goes first, always. */
"use strict";

const KEPT = "foldback-quick-log";
const PARTS = ["/static/css/tokens.css", "/static/css/quick-log.css", "/static/js/quick-log.js", "/static/img/favicon.svg"];
const PAGE = new URL("./", self.location).pathname;
const isOurs = (path) => path === PAGE || PARTS.includes(path);

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll([PAGE, ...PARTS])));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function answer(request, path) {
  const kept = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    // Somebody who is signed out leaves no page of theirs behind.
    if (response.ok) await kept.put(path, response.clone());
    else if (path === PAGE && response.status < 500) await kept.delete(path);
    return response;
  } catch (error) {
    const known = await kept.match(path);
    if (known) return known;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method === "GET" && origin === self.location.origin && isOurs(pathname)) {
    event.respondWith(answer(event.request, pathname));
  }
});
