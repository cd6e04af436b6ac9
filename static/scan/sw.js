// The service worker: keeps the app, so that it opens without a network. VERSION and FILES come from the server, in front
// of this text; any changed file makes another VERSION, and so another worker.
//
// It keeps files and never data: what was scanned is in IndexedDB, which no version of this worker touches. A new worker
// fetches everything first and then waits until the page says that nobody is scanning.

const CACHE = `rt-scan-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await Promise.all(FILES.map(async (path) => {
      const response = await fetch(path, { cache: "reload", credentials: "same-origin" });
      // the login page in place of a file would be kept for good: rather no new version now
      if (!response.ok || response.redirected) { throw new Error(`${path}: ${response.status}`); }
      await cache.put(path, response);
    }));
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("rt-scan-") && name !== CACHE) { await caches.delete(name); }
    }
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") { self.skipWaiting(); }
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin || !FILES.includes(url.pathname)) { return; }
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    return (await cache.match(url.pathname)) || fetch(event.request);
  })());
});
