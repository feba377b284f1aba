"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const more = at("more"), list = at("list");
  const policy = window.trustedTypes ? window.trustedTypes.createPolicy("node-html", { createHTML: (text) => text }) : { createHTML: (text) => text };
  const put = (place, html) => {
    const template = document.createElement("template");
    template.innerHTML = policy.createHTML(html);
    const open = new Set([...place.querySelectorAll("li[id] > details[open]")].map((one) => one.parentElement.id));
    for (const id of open) { const one = template.content.querySelector(`[id="${id}"] > details`); if (one) { one.open = true; } }
    place.replaceChildren(template.content);
  };
  const used = (place) => place.contains(document.activeElement);
  const reading = () => used(list) || list.getBoundingClientRect().top < 0;
  let waiting = null;
  const show = () => { if (waiting !== null) { put(list, waiting); waiting = null; more.hidden = true; } };
  more.textContent = more.dataset.text;
  more.addEventListener("click", show);
  const source = new EventSource(at("strip").dataset.events);
  const take = (event) => {
    const part = JSON.parse(event.data);
    const read = used(list) ? document.activeElement : null;
    const top = read && read.getBoundingClientRect().top;
    for (const id of ["strip", "new", "missing"]) { if (!used(at(id))) { put(at(id), part[id]); } }
    const facets = at("facets");
    if (!used(facets) && !facets.dataset.touched) { put(facets, part.facets); }
    document.title = part.title.trim() + " – " + document.title.split(" – ").pop();
    waiting = part.list;
    if (reading()) { more.hidden = false; } else { show(); }
    if (read) { window.scrollBy(0, read.getBoundingClientRect().top - top); }
    if (!document.querySelector(".outcome-asking") && at("sofar")) { at("sofar").remove(); }
  };
  at("facets").addEventListener("change", () => { at("facets").dataset.touched = "1"; });
  source.addEventListener("part", take);
  source.addEventListener("done", (event) => { take(event); source.close(); });
  source.addEventListener("bye", () => source.close());
})();
