"use strict";
// PNG files, decoded here and not by the browser: a canvas loses colours under transparency, browsers make 8 bits of 16 in
// different ways, and some falsify what is read from a canvas. Transparency goes over white, as docs/model-format.md says.
const Png = (() => {
  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
  const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };  // by the type of colour
  const MOST = 1 << 26;  // pixels; larger ones are left to the browser, which reads them in strips

  function chunks(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), found = { IDAT: [] };
    for (let at = 8; at + 8 <= bytes.length;) {
      const length = view.getUint32(at), name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      const content = bytes.subarray(at + 8, at + 8 + length);
      if (name === "IDAT") found.IDAT.push(content); else found[name] ??= content;
      at += length + 12;
    }
    return found;
  }

  function header({ IHDR, tRNS, iCCP, eXIf }) {
    const view = new DataView(IHDR.buffer, IHDR.byteOffset, IHDR.length);
    const [depth, kind, , , interlaced] = IHDR.subarray(8), width = view.getUint32(0), height = view.getUint32(4);
    const oddlyTransparent = tRNS && ((kind === 0 && depth < 8) || (kind === 2 && depth === 16));
    const foreign = interlaced || iCCP || eXIf || oddlyTransparent || width * height > MOST || !(kind in CHANNELS);
    return foreign ? null : { width, height, depth, kind, channels: CHANNELS[kind] };
  }

  // Undo the filters (PNG specification, 9): each line begins with the number of its own.
  function unfilter(data, height, line, pixel) {
    const result = new Uint8Array(height * line);
    for (let y = 0, from = 0; y < height; y++) {
      const filter = data[from++], begin = y * line;
      for (let x = 0; x < line; x++) {
        const left = x < pixel ? 0 : result[begin + x - pixel], up = y ? result[begin + x - line] : 0;
        let guess = 0;
        if (filter === 1) guess = left;
        else if (filter === 2) guess = up;
        else if (filter === 3) guess = (left + up) >> 1;
        else if (filter === 4) {
          const corner = x < pixel || !y ? 0 : result[begin + x - line - pixel];
          const toLeft = Math.abs(up - corner), toUp = Math.abs(left - corner), toCorner = Math.abs(left + up - 2 * corner);
          guess = toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
        }
        result[begin + x] = data[from++] + guess;
      }
    }
    return result;
  }

  // The samples as one byte each: the upper one of 16 bits, the whole range for fewer than 8, the number in a palette.
  function samples(lines, line, { width, height, depth, kind, channels }) {
    if (depth === 8) return lines;
    const count = width * channels, result = new Uint8Array(height * count), mask = (1 << depth) - 1;
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < count; x++, to++) {
        const at = y * line + Math.floor(x * depth / 8);
        if (depth === 16) {
          result[to] = kind === 0 ? Math.round((lines[at] * 256 + lines[at + 1]) / 257) : lines[at];
        } else {
          const value = (lines[at] >> (8 - depth - x * depth % 8)) & mask;
          result[to] = kind === 3 ? value : value * 255 / mask;
        }
      }
    }
    return result;
  }

  function overWhite(value, alpha) {  // as Pillow's alpha_composite rounds
    const sum = (value * alpha + 255 * (255 - alpha)) * 128 + 0x4000;
    return ((sum >> 8) + sum) >> 15;
  }

  function toColours(values, { width, height, depth, kind, channels }, { PLTE, tRNS }) {
    const result = new Uint8Array(width * height * 4).fill(255), view = tRNS && new DataView(tRNS.buffer, tRNS.byteOffset, tRNS.length);
    const clear = tRNS && kind !== 3 && depth === 8 ? [0, 2, 4].slice(0, channels).map((at) => view.getUint16(at)) : null;
    for (let from = 0, to = 0; to < result.length; from += channels, to += 4) {
      let alpha = kind === 4 || kind === 6 ? values[from + channels - 1] : 255;
      if (kind === 3) alpha = tRNS?.[values[from]] ?? 255;
      else if (clear?.every((value, channel) => values[from + channel] === value)) alpha = 0;
      for (let channel = 0; channel < 3; channel++) {
        const value = kind === 3 ? PLTE[values[from] * 3 + channel] : values[from + (channels > 2 ? channel : 0)];
        result[to + channel] = alpha === 255 ? value : alpha ? overWhite(value, alpha) : 255;
      }
    }
    return result;
  }

  // Refuse 16 bits of which at most 12 are used, as eyebright does.
  function requireRange(lines, values, { depth, kind, channels }) {
    if (depth !== 16) return;
    const colours = channels % 2 ? channels : channels - 1;
    let most = 0;
    for (let at = 0; at < values.length; at++) {
      const here = kind === 0 ? lines[2 * at] * 256 + lines[2 * at + 1] : values[at] && values[at] * 256 + 255;
      if (at % channels < colours && here > most) most = here;
    }
    if (most > 0 && most <= 4095) throw new Error("its values use at most 12 of 16 bits, so that hardly anything would be seen");
  }

  // The image of a file, as Resize takes it; null for a file that is no PNG, or one that the browser must decode.
  async function decode(bytes) {
    if (!SIGNATURE.every((value, at) => bytes[at] === value)) return null;
    const found = chunks(bytes), form = found.IHDR?.length === 13 ? header(found) : null;
    if (!form) return null;
    const pixel = Math.max(form.depth * form.channels >> 3, 1), line = Math.ceil(form.width * form.channels * form.depth / 8);
    const stream = new Blob(found.IDAT).stream().pipeThrough(new DecompressionStream("deflate"));
    const data = new Uint8Array(await new Response(stream).arrayBuffer().catch(() => { throw new Error("damaged"); }));
    if (data.length < form.height * (line + 1)) throw new Error("damaged: there are fewer pixels than it says");
    const lines = unfilter(data, form.height, line, pixel), values = samples(lines, line, form);
    requireRange(lines, values, form);
    return Resize.image(form.width, form.height, toColours(values, form, found));
  }

  return { decode };
})();
