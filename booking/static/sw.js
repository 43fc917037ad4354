/* Keeps code pages readable without a network, and nothing else. The page puts itself into the store when it is seen. */
"use strict";

const STORE = "code-pages-1";
const CODE_PAGE = /^\/reservations\/[0-9a-f-]{36}\/code$/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (CODE_PAGE.test(url.pathname)) event.respondWith(newestPage(event.request, url.pathname));
  else if (url.pathname.startsWith("/static/")) event.respondWith(newestFile(event.request));
});

async function newestPage(request, path) {
  const store = await caches.open(STORE);
  let answer;
  try {
    answer = await fetch(request);
  } catch (noNetwork) {
    return keptPage(store, path, noNetwork);
  }
  // Signed out, cancelled, not revealed: what was kept is no longer this person's to read.
  if (answer.ok && !answer.redirected && answer.headers.has("X-Keep-Until")) await store.put(path, answer.clone());
  else if (answer.status < 500) await store.delete(path);
  return answer;
}

async function keptPage(store, path, noNetwork) {
  const kept = await store.match(path);
  if (!kept) throw noNetwork;
  if (Date.parse(kept.headers.get("X-Keep-Until")) < Date.now()) {
    await store.delete(path);
    throw noNetwork;
  }
  return kept;
}

async function newestFile(request) {
  try {
    return await fetch(request);
  } catch (noNetwork) {
    const kept = await caches.match(request);
    if (!kept) throw noNetwork;
    return kept;
  }
}
