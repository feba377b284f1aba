"use strict";
(() => {
  const strip = document.getElementById("strip"), list = document.getElementById("list"), more = document.getElementById("more");
  const policy = window.trustedTypes ? window.trustedTypes.createPolicy("node-html", { createHTML: (text) => text }) : { createHTML: (text) => text };
  const put = (place, html) => {
    const template = document.createElement("template");
    template.innerHTML = policy.createHTML(html);
    place.replaceChildren(template.content);
  };
  let waiting = null;
  const reading = () => list.contains(document.activeElement) || list.getBoundingClientRect().top < 0;
  const show = () => { if (waiting !== null) { put(list, waiting); waiting = null; more.hidden = true; } };
  more.textContent = more.dataset.text;
  more.addEventListener("click", show);
  const source = new EventSource(strip.dataset.events);
  const take = (event) => {
    const part = JSON.parse(event.data);
    put(strip, part.strip);
    document.title = part.title.trim() + " – " + document.title.split(" – ").pop();
    waiting = part.list;
    if (reading()) { more.hidden = false; } else { show(); }
  };
  source.addEventListener("part", take);
  source.addEventListener("done", (event) => { take(event); source.close(); const link = document.getElementById("sofar"); if (link) { link.remove(); } });
})();
