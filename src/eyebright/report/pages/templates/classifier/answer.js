"use strict";
// The network in the browser: its start, the proof that it answers here as it did where it was made, and its answers.
const Answer = (() => {
  const PIXELS = 2, PROBABILITIES = 1e-4, UNFAMILIARITY = 1e-3;  // what may differ: as eyebright allows
  const PENALTY = 0.001;  // for each class before a class in a set of labels: eyebright.trust.prediction_sets

  async function unpacked(id) {  // bytes in the page: gzip as base64
    const text = atob(document.getElementById(id).textContent.trim()), packed = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) packed[at] = text.charCodeAt(at);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function tensors(bytes) {  // of a safetensors file: the length of its header, the header, the numbers
    const begin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)), found = {};
    const kinds = { U8: Uint8Array, F32: Float32Array, I64: BigInt64Array };
    for (const [name, { dtype, data_offsets: [from, to] }] of Object.entries(JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin))))) {
      if (dtype in kinds) found[name] = new kinds[dtype](bytes.slice(begin + from, begin + to).buffer);
    }
    return found;
  }

  const greatest = (here, stored, scale = () => 1) => here.reduce((most, value, at) => {
    const difference = Math.abs(value - stored[at]) / scale(stored[at]);
    return difference <= most ? most : difference;  // NaN counts as the greatest
  }, 0);

  async function start({ classes, preparation, limit }) {
    const { height, width, channels } = preparation, size = height * width * channels;
    ort.env.wasm.numThreads = 1;  // more need a server that isolates the page
    ort.env.wasm.wasmBinary = (await unpacked("runtime")).buffer;
    const session = await ort.InferenceSession.create(await unpacked("network"), { executionProviders: ["wasm"] });

    // Of prepared pixels: the probability of each class, how unlike the training images they are, and the class or -1.
    async function run(pixels) {
      const found = await session.run({ pictures: new ort.Tensor("uint8", pixels, [1, height, width, channels]) });
      const probabilities = found.probabilities.data, unfamiliarity = found.unfamiliarity?.data[0] ?? null;
      const answer = found.answer ? Number(found.answer.data[0]) : probabilities.indexOf(Math.max(...probabilities));
      return { probabilities, unfamiliarity, answer };
    }

    const prepared = (file) => Decode.decode(file, (image) => Prepare.fitted(image, preparation));

    // One golden image: prepared here and answered here, compared with what it must give.
    async function compared(golden, at) {
      const part = (values, count) => values.subarray(at * count, (at + 1) * count), source = golden[`source_${at}`];
      const pixels = part(golden.prepared, size), stored = part(golden.probabilities, classes.length);
      const own = Prepare.channels(await prepared(new Blob([source])), channels), here = await run(pixels);
      const isPng = source[0] === 137, away = greatest(own, pixels), scale = (value) => Math.max(Math.abs(value), 1);
      return {
        png: isPng ? away : 0,
        jpeg: isPng ? 0 : away,
        probabilities: greatest(here.probabilities, stored),
        unfamiliarity: golden.unfamiliarity ? greatest([here.unfamiliarity], [golden.unfamiliarity[at]], scale) : null,
        shift: isPng ? 0 : greatest((await run(own)).probabilities, stored),  // by another decoding of the JPEG
        labels: golden.answer && here.answer !== Number(golden.answer[at]) ? 1 : 0,
      };
    }

    async function prove() {
      const golden = tensors(await unpacked("golden")), count = golden.prepared.length / size, found = [];
      for (let at = 0; at < count; at++) found.push(await compared(golden, at));
      const worst = Object.fromEntries(Object.keys(found[0]).map((name) =>
        [name, found[0][name] === null ? null : Math.max(...found.map((one) => one[name]))]));
      const proved = worst.png <= PIXELS && worst.probabilities <= PROBABILITIES && worst.unfamiliarity <= UNFAMILIARITY && !worst.labels;
      return { ...worst, images: count, labels: found.filter((one) => one.labels).length, proved };
    }

    // The classes among which the true one is with the promised probability, from the most probable one on.
    function labelSet(probabilities, order) {
      let before = 0;
      return order.filter((place) => {
        const inside = Math.fround(before) <= Math.fround(limit);
        before += probabilities[place] + PENALTY;
        return inside;
      });
    }

    // What the model says about a file, and the image as the network sees it.
    async function predict(file) {
      const image = await prepared(file), { probabilities, unfamiliarity, answer } = await run(Prepare.channels(image, channels));
      const order = [...probabilities.keys()].sort((one, other) => probabilities[other] - probabilities[one] || one - other);
      const labels = limit === null || answer < 0 ? [] : labelSet(probabilities, order);
      return { image, probabilities, unfamiliarity, answer, order, labels };
    }

    return { proof: await prove(), predict };
  }

  return { start };
})();
