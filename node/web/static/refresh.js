"use strict";
(() => {
  const policy = window.trustedTypes ? window.trustedTypes.createPolicy("node-html", { createHTML: (text) => text }) : { createHTML: (text) => text };
  const live = document.getElementById("live");
  const busy = () => live.contains(document.activeElement) || document.hidden;
  const look = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin" });
        if (answer.redirected || !answer.ok) { location.reload(); return; }
        const page = new DOMParser().parseFromString(policy.createHTML(await answer.text()), "text/html");
        const fresh = page.getElementById("live");
        if (!fresh) { location.reload(); return; }
        document.title = page.title;
        live.replaceChildren(...fresh.childNodes);
        if (live.querySelector("[data-done]")) { return; }
      } catch { /* the node is away: the next look will tell */ }
    }
    setTimeout(look, 1000 * Number(live.dataset.every));
  };
  setTimeout(look, 1000 * Number(live.dataset.every));
})();
