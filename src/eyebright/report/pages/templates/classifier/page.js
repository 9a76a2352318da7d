"use strict";
// What people see: the state of the proof, the ways to give images, and a card for each answer.
const Page = (() => {
  const MOST_CARDS = 100, MOST_BARS = 5;
  const about = JSON.parse(document.getElementById("about").textContent), { classes, thresholds } = about;
  const find = (id) => document.getElementById(id), percent = (share) => `${(100 * share).toFixed(1)}%`;
  const waiting = [];
  let network = null, busy = false, done = 0, given = 0;

  function element(tag, kind, ...content) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...content);
    return made;
  }

  const named = (name) => element("bdi", "", name);

  function say(state, words, detail = "") {
    find("state").dataset.state = state;
    find("state").textContent = words;
    find("detail").textContent = detail;
  }

  function refuse(words, detail) {
    say("refused", `No answers on this device: ${words}`, detail);
  }

  function figures({ images, png, jpeg, probabilities, unfamiliarity, shift, labels }) {
    const shown = (value) => (value ? value.toExponential(1) : "0");
    return `${images} golden images: the pixels of the PNGs differ by ${png} of 255, probabilities by ${shown(probabilities)} `
      + `(allowed: 1.0e-4)${unfamiliarity === null ? "" : `, unfamiliarity by ${shown(unfamiliarity)} (allowed: 1.0e-3)`}; ${labels} other answers. `
      + `A JPEG is decoded by this browser: its pixels differ by ${jpeg} of 255, its probabilities by ${shown(shift)}.`;
  }

  function meter(share) {
    const inSvg = (name, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const made = inSvg("svg", { class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
    made.append(inSvg("rect", { class: "track", width: 100, height: 6 }), inSvg("rect", { class: "one", width: 100 * share, height: 6 }));
    return made;
  }

  function bars({ order, probabilities }) {
    return element("ul", "bars", ...order.slice(0, MOST_BARS).map((place) =>
      element("li", "", named(classes[place]), meter(probabilities[place]), element("span", "share", percent(probabilities[place])))));
  }

  // The answer in words, as `eyebright predict` says it.
  function answer({ order, probabilities, unfamiliarity, answer: label, labels }) {
    const best = order[0], confidence = percent(probabilities[best]);
    if (labels.length) return labels.flatMap((place, at) => (at ? [" or ", named(classes[place])] : [named(classes[place])]));
    if (label >= 0) return [named(classes[label]), " ", element("span", "share", percent(probabilities[label]))];
    if (unfamiliarity !== null && unfamiliarity > 1) {
      return [`No answer: unlike the training images (unfamiliarity ${unfamiliarity.toFixed(1)}, limit 1.0)`];
    }
    return [`No answer: confidence ${confidence}, below ${percent(thresholds?.[best] ?? 0)}`];
  }

  function seen(image) {
    const canvas = element("canvas", image.width < 64 ? "picture pixels" : "picture");
    canvas.width = image.width;
    canvas.height = image.height;
    const pixels = new Uint8ClampedArray(image.rows(0, image.height));
    if (about.preparation.channels === 1) {
      Prepare.channels(image, 1).forEach((value, at) => pixels.fill(value, at * 4, at * 4 + 3));
    }
    canvas.getContext("2d").putImageData(new ImageData(pixels, image.width, image.height), 0, 0);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The image as the network sees it");
    return canvas;
  }

  function add(before, name, found, ms) {
    const heading = element("h3", "answer", ...answer(found)), card = element("li", found.answer < 0 ? "card unsure" : "card");
    const note = element("p", "file", named(name), ` · ${ms.toFixed(0)} ms`);
    card.append(seen(found.image), element("div", "", heading, note, bars(found)));
    show(before, card);
    find("said").textContent = `${name}: ${heading.textContent}`;
  }

  function fail(before, name, problem) {
    const heading = element("h3", "answer", `Not opened: ${problem.message}`);
    show(before, element("li", "card unsure", element("div", "", heading, element("p", "file", named(name)))));
    find("said").textContent = `${name}: not opened, ${problem.message}`;
  }

  // The newest images come first, and those that were given together in their order.
  function show(before, card) {
    const list = find("answers");
    list.insertBefore(card, before?.isConnected ? before : null);
    while (list.children.length > MOST_CARDS) list.lastChild.remove();
    find("results").hidden = false;
    find("count").textContent = given > 1 ? `${done} of ${given} images` + (done > MOST_CARDS ? `; the last ${MOST_CARDS} are shown` : "") : "";
  }

  async function work() {
    if (busy) return;
    busy = true;
    while (waiting.length) {
      const { file, before } = waiting.shift(), name = file.name || "image", begin = performance.now();
      done += 1;
      try {
        add(before, name, await network.predict(file), performance.now() - begin);
      } catch (problem) {
        fail(before, name, problem);
      }
      await new Promise((resolve) => setTimeout(resolve));  // so that the page stays alive
    }
    busy = false;
  }

  function take(files) {
    if (!network || !files.length) return;
    const before = find("answers").firstChild;
    waiting.push(...files.map((file) => ({ file, before })));
    given += files.length;
    work();
  }

  function listen() {
    for (const id of ["files", "camera"]) {
      find(id).addEventListener("change", (event) => {
        take([...event.target.files]);
        event.target.value = "";  // so that the same file can be chosen again
      });
    }
    find("clear").addEventListener("click", () => {
      find("answers").replaceChildren();
      find("results").hidden = true;
      done = given = waiting.length = 0;
      find("files").focus();
    });
    const over = (event, on) => {
      event.preventDefault();
      find("drop").classList.toggle("over", on);
    };
    addEventListener("dragover", (event) => over(event, true));
    addEventListener("dragleave", (event) => over(event, false));
    addEventListener("drop", (event) => {
      over(event, false);
      take([...event.dataTransfer.files]);
    });
    addEventListener("paste", (event) => take([...event.clipboardData.files]));
  }

  async function start() {
    if (!globalThis.ort || !globalThis.DecompressionStream) {
      return refuse("this browser is too old. Chrome 91, Firefox 113, Safari 16.4 and later ones can run the network.");
    }
    try {
      const { proof, predict } = await Answer.start(about);
      if (!proof.proved) return refuse("this browser computes something else than was computed where the model was made.", figures(proof));
      network = { predict };
      listen();
      find("give").disabled = false;
      say("proved", "Proved on this device", figures(proof));
    } catch (problem) {
      refuse("the network cannot be started. Save the file again, or use another browser.", String(problem));
    }
  }

  const started = new Promise((resolve) => {  // to the network, or null if it is refused
    addEventListener("DOMContentLoaded", () => start().then(() => resolve(network)));  // after the module of the runtime
  });
  return { started };
})();
