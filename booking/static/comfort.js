/* Comfort on top of pages that work without it: focus, a countdown, waiting for an answer, the code offline. */
"use strict";

(() => {
  const summary = document.getElementById("error-summary");
  if (summary) summary.focus();

  // A second tap on the same form changes nothing on the server; this spares the person the wondering.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    // A form that answers with a file leaves its page standing: it may be sent again.
    if (form.method === "post" && !("again" in form.dataset)) form.dataset.sent = "yes";
  });
  // Back from the next page: the form may be sent again.
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  // <span data-countdown="ISO" data-now="ISO" hidden>: minutes and seconds left, by the server's clock.
  document.querySelectorAll("[data-countdown]").forEach((place) => {
    const skew = Date.parse(place.dataset.now) - Date.now();
    const until = Date.parse(place.dataset.countdown);
    const show = () => {
      const left = Math.max(0, Math.round((until - Date.now() - skew) / 1000));
      place.textContent = `(あと${Math.floor(left / 60)}分${String(left % 60).padStart(2, "0")}秒)`;
      place.hidden = false;
      if (left > 0) setTimeout(show, 1000);
      else location.reload();
    };
    if (until > Date.now() + skew) show();
  });

  // <div data-watch="state">: ask again until the page says something else, calmer with every try.
  const watched = document.querySelector("[data-watch]");
  if (watched) {
    let wait = 1500;
    const ask = async () => {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const now = page.querySelector("[data-watch]");
        if (!now || now.dataset.watch !== watched.dataset.watch) {
          location.reload();
          return;
        }
      } catch {
        // No network right now; the next try may have one.
      }
      wait = Math.min(wait * 1.3, 15000);
      setTimeout(ask, wait);
    };
    setTimeout(ask, wait);
  }

  // <main data-keep-offline>: once seen, the code page can be read without a network.
  if (document.querySelector("[data-keep-offline]") && "serviceWorker" in navigator) {
    navigator.serviceWorker.register("/sw.js", { scope: "/reservations/" }).then(async () => {
      const store = await caches.open("code-pages-1");
      const files = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")];
      await store.addAll([location.pathname, ...files.map((file) => file.href || file.src)]);
      const sign = document.getElementById("kept-offline");
      if (sign) sign.hidden = false;
    }).catch(() => {
      // Private windows refuse storage; the page itself is still there.
    });
  }
  const offline = document.getElementById("offline");
  if (offline) {
    const tell = () => { offline.hidden = navigator.onLine; };
    window.addEventListener("online", tell);
    window.addEventListener("offline", tell);
    tell();
  }
})();
