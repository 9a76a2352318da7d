"use strict";
// From a decoded image, upright and in sRGB, to the input of the network: docs/model-format.md, steps 6 and 7.
const Prepare = (() => {
  const LARGE = 1000000, GAP = 3;  // an image of so many pixels is first reduced to the means of blocks
  const BACKGROUND = 127;  // of padding

  function roundHalfToEven(value) {  // as Python rounds
    const low = Math.floor(value), rest = value - low;
    return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
  }

  function cropBox(source, { width, height }) {
    const scale = Math.max(width / source.width, height / source.height);
    const left = Math.max((source.width - width / scale) / 2, 0), top = Math.max((source.height - height / scale) / 2, 0);
    return [left, top, source.width - left, source.height - top];
  }

  function padded(source, { width, height }, gap) {
    const scale = Math.min(width / source.width, height / source.height);
    const inner = [source.width, source.height].map((side) => Math.max(roundHalfToEven(side * scale), 1));
    const small = Resize.resize(source, ...inner, undefined, gap).rows(0, inner[1]);
    const left = Math.floor((width - inner[0]) / 2), top = Math.floor((height - inner[1]) / 2);
    const data = new Uint8Array(width * height * 4).fill(BACKGROUND);
    for (let at = 3; at < data.length; at += 4) data[at] = 255;
    for (let y = 0; y < inner[1]; y++) data.set(small.subarray(y * inner[0] * 4, (y + 1) * inner[0] * 4), ((top + y) * width + left) * 4);
    return Resize.image(width, height, data);
  }

  // The image in the size of the network, as { width, height, rows }.
  function fitted(source, preparation) {
    const { width, height, fit } = preparation, gap = source.width * source.height >= LARGE ? GAP : 0;
    if (fit === "pad") return padded(source, preparation, gap);
    return Resize.resize(source, width, height, fit === "crop" ? cropBox(source, preparation) : undefined, gap);
  }

  // Its pixels without the fourth byte: RGB, or grey by ITU-R BT.601 for a network of one channel.
  function channels({ width, height, rows }, count) {
    const data = rows(0, height), result = new Uint8Array(width * height * count);
    for (let at = 0, to = 0; at < data.length; at += 4) {
      if (count === 1) {
        result[to++] = (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16;
      } else {
        for (let channel = 0; channel < 3; channel++) result[to++] = data[at + channel];
      }
    }
    return result;
  }

  return { fitted, channels };
})();
