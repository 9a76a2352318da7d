"use strict";
// Decisions about images: remembered by the browser until they are downloaded as a corrections file, or saved by the
// server of `eyebright audit --review`. An image that is shown in several places has one decision.
(() => {
  const bar = document.querySelector(".review");
  if (!bar) return;
  const said = bar.querySelector("output"), saves = "saves" in bar.dataset;
  const memory = `eyebright corrections ${bar.dataset.key}`;
  const sets = [...document.querySelectorAll(".decision")];
  const images = new Map(sets.map((set) => [keyOf(set.dataset), set.dataset]));
  const decided = new Map();  // by name and digest, as in the corrections file

  function keyOf(image) { return `${image.name}\n${image.digest}`; }

  function correction(image, decision, newLabel) {
    return { name: image.name, decision, new_label: decision === "relabel" ? newLabel : "", label: image.label, digest: image.digest };
  }

  function isWhole(one) { return one.decision !== "relabel" || one.new_label !== ""; }

  function show(set) {
    const one = decided.get(keyOf(set.dataset)), select = set.querySelector("select");
    for (const radio of set.querySelectorAll("input")) radio.checked = one !== undefined && radio.value === one.decision;
    select.hidden = one?.decision !== "relabel";
    if (!select.hidden) {
      if (!select.options.length) fill(select, set.dataset.label);
      select.value = one.new_label;
    }
    set.querySelector(".undo").hidden = one === undefined;
    set.classList.toggle("decided", one !== undefined && isWhole(one));
  }

  function fill(select, label) {
    select.append(new Option("choose a class", ""), bar.querySelector("template").content.cloneNode(true));
    for (const option of [...select.options]) if (option.value === label) option.remove();
  }

  function report(note = "") {
    const whole = [...decided.values()].filter(isWhole), count = (kind) => whole.filter((one) => one.decision === kind).length;
    const here = [...images.keys()].filter((key) => decided.has(key)).length, open = decided.size - whole.length;
    said.textContent = `${here} of ${images.size} images decided: ${count("keep")} kept, ${count("relabel")} relabelled, `
      + `${count("exclude")} excluded${open ? `; ${open} without a class yet` : ""}.${note}`;
    for (const button of bar.querySelectorAll("button")) button.disabled = !decided.size;
    bar.classList.toggle("active", here > 0);  // then it stays in sight
  }

  function file() {
    const corrections = [...decided.values()].filter(isWhole);
    return JSON.stringify({ format: 1, origin: bar.dataset.origin, corrections }, null, 2) + "\n";
  }

  let sending = Promise.resolve();
  function keep() {
    report();
    if (!saves) {
      try { localStorage.setItem(memory, JSON.stringify([...decided.values()])); } catch { /* not remembered */ }
      return;
    }
    sending = sending.then(async () => {
      try {
        const answer = await fetch("corrections.json", { method: "PUT", body: file(), headers: { "Content-Type": "application/json" } });
        report(answer.ok ? " Saved." : ` Not saved: ${await answer.text()}`);
      } catch { report(" Not saved: eyebright audit --review has ended. Start it again, and reload its page."); }
    });
  }

  function decide(image, decision, newLabel) {
    if (decision) decided.set(keyOf(image), correction(image, decision, newLabel)); else decided.delete(keyOf(image));
    for (const set of sets) if (keyOf(set.dataset) === keyOf(image)) show(set);
    keep();
  }

  document.addEventListener("change", (event) => {
    const set = event.target.closest(".decision");
    if (!set) return;
    const relabels = event.target.matches("select"), before = decided.get(keyOf(set.dataset));
    decide(set.dataset, relabels ? "relabel" : event.target.value, relabels ? event.target.value : before?.new_label || set.dataset.suggested);
  });

  document.addEventListener("click", (event) => {
    const set = event.target.closest(".decision");
    if (set && event.target.closest(".undo")) {
      decide(set.dataset);
      set.querySelector("input").focus();
    } else if (event.target.matches(".review .clear")) {
      if (!confirm(`Undo ${decided.size} decisions?`)) return;
      decided.clear();
      sets.forEach(show);
      keep();
    } else if (event.target.matches(".review .save")) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([file()], { type: "application/json" }));
      link.download = "corrections.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      report(" Downloaded. To use it: eyebright train PICTURES --corrections corrections.json");
    }
  });

  for (const { dataset } of bar.querySelectorAll("li")) {
    decided.set(keyOf(dataset), correction(dataset, dataset.decision, dataset.newLabel));
  }
  if (!saves) {
    try {
      for (const one of JSON.parse(localStorage.getItem(memory)) || []) decided.set(keyOf(one), one);
    } catch { /* nothing is remembered */ }
  }
  sets.forEach((set, number) => {
    for (const radio of set.querySelectorAll("input")) radio.name = `decision-${number}`;
    set.hidden = false;
    show(set);
  });
  bar.hidden = !sets.length;
  report();
})();
