"use strict";
// Resizing as Pillow does it, bit by bit: bilinear with antialiasing, in whole numbers, across and down.
// An image is { width, height, rows(top, bottom) }: rows gives the pixels of these rows, four bytes each (RGBA; the last
// one is not looked at). So a huge photograph is read in strips.
const Resize = (() => {
  const BITS = 22, HALF = 1 << (BITS - 1);  // of the fraction of a weight; from Pillow's Resample.c
  const STRIP = 1 << 20;  // pixels that are read at once

  function put(data, at, red, green, blue) {
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    data[at + 3] = 255;
  }

  const image = (width, height, data) => ({ width, height, rows: (top, bottom) => data.subarray(top * width * 4, bottom * width * 4) });

  // For each of `count` results: the first pixel that counts, how many do, and their weights. The ends are float32 there.
  function weights(length, start, end, count) {
    const from = Math.fround(start), scale = Math.fround(Math.fround(end) - from) / count, support = Math.max(scale, 1);
    const size = Math.ceil(support) * 2 + 1, first = new Int32Array(count), many = new Int32Array(count), values = new Int32Array(count * size);
    for (let at = 0; at < count; at++) {
      const centre = from + (at + 0.5) * scale, shares = [];
      const low = Math.max(Math.trunc(centre - support + 0.5), 0), high = Math.min(Math.trunc(centre + support + 0.5), length);
      let sum = 0;
      for (let x = low; x < high; x++) {
        const share = Math.max(1 - Math.abs((x - centre + 0.5) * (1 / support)), 0);
        shares.push(share);
        sum += share;
      }
      first[at] = low;
      many[at] = shares.length;
      shares.forEach((share, x) => { values[at * size + x] = Math.trunc(0.5 + (sum ? share / sum : share) * (1 << BITS)); });
    }
    return { first, many, values, size };
  }

  // Every column of some rows, in a new width.
  function across(source, left, right, width, [begin, end]) {
    const data = source.rows(begin, end), { first, many, values, size } = weights(source.width, left, right, width);
    const result = new Uint8Array(width * (end - begin) * 4);
    for (let y = 0, to = 0; y < end - begin; y++) {
      for (let x = 0; x < width; x++, to += 4) {
        let red = HALF, green = HALF, blue = HALF, from = (y * source.width + first[x]) * 4;
        for (let k = x * size, last = k + many[x]; k < last; k++, from += 4) {
          red += data[from] * values[k];
          green += data[from + 1] * values[k];
          blue += data[from + 2] * values[k];
        }
        put(result, to, red >> BITS, green >> BITS, blue >> BITS);
      }
    }
    return image(width, end - begin, result);
  }

  // Every row in a new height. Rows are read one after the other, since those of a huge photograph are not kept.
  function down(source, top, bottom, height) {
    const { first, many, values, size } = weights(source.height, top, bottom, height), width = source.width;
    const result = new Uint8Array(width * height * 4), sums = new Int32Array(width * 4);
    for (let y = 0; y < height; y++) {
      const data = source.rows(first[y], first[y] + many[y]);
      sums.fill(HALF);
      for (let k = 0, from = 0; k < many[y]; k++) {
        const weight = values[y * size + k];
        for (let at = 0; at < sums.length; at++, from++) sums[at] += data[from] * weight;
      }
      for (let at = 0; at < sums.length; at += 4) {
        put(result, y * width * 4 + at, sums[at] >> BITS, sums[at + 1] >> BITS, sums[at + 2] >> BITS);
      }
    }
    return image(width, height, result);
  }

  // A box of an image (left, top, right, bottom; fractions are allowed) in a new size.
  function resample(source, [left, top, right, bottom], width, height) {
    const wider = width !== source.width || left !== 0 || right !== source.width;
    const higher = height !== source.height || top !== 0 || bottom !== source.height;
    const downFirst = source.height - height > 2 * Math.max(source.width - width, 0);  // as Pillow 13 decides
    if (!wider) return higher ? down(source, top, bottom, height) : source;
    if (!higher) return across(source, left, right, width, [0, height]);
    if (downFirst) return across(down(source, top, bottom, height), left, right, width, [0, height]);
    const { first, many } = weights(source.height, top, bottom, height), begin = first[0];
    const narrow = across(source, left, right, width, [begin, first[height - 1] + many[height - 1]]);
    return down({ ...narrow, height: source.height, rows: (low, high) => narrow.rows(low - begin, high - begin) }, top, bottom, height);
  }

  // The means of blocks of a box with whole corners; blocks at its ends may be smaller.
  function reduce(source, [left, top, right, bottom], across, down) {
    const width = Math.ceil((right - left) / across), height = Math.ceil((bottom - top) / down);
    const result = new Uint8Array(width * height * 4), each = Math.max(Math.floor(STRIP / source.width / down), 1);
    for (let begin = 0; begin < height; begin += each) {
      const first = top + begin * down, data = source.rows(first, Math.min(first + each * down, bottom));
      for (let y = begin; y < Math.min(begin + each, height); y++) {
        const low = top + y * down - first, high = Math.min(top + (y + 1) * down, bottom) - first;
        for (let x = 0; x < width; x++) {
          const from = left + x * across, to = Math.min(from + across, right), many = (to - from) * (high - low);
          let red = many >> 1, green = red, blue = red;
          for (let line = low; line < high; line++) {
            for (let place = (line * source.width + from) * 4, last = place + (to - from) * 4; place < last; place += 4) {
              red += data[place];
              green += data[place + 1];
              blue += data[place + 2];
            }
          }
          const factor = Math.trunc(2 ** 32 / (256 * many));
          put(result, (y * width + x) * 4, Math.imul(red, factor) >>> 24, Math.imul(green, factor) >>> 24, Math.imul(blue, factor) >>> 24);
        }
      }
    }
    return image(width, height, result);
  }

  // Pillow's `resize`, with `reducing_gap=gap` unless that is 0.
  function resize(source, width, height, box = [0, 0, source.width, source.height], gap = 0) {
    const [left, top, right, bottom] = box, wide = (right - left) / width, high = (bottom - top) / height;
    const across = gap ? Math.trunc(wide / gap) || 1 : 1, down = gap ? Math.trunc(high / gap) || 1 : 1;
    if (across === 1 && down === 1) return resample(source, box, width, height);
    const safe = [
      Math.max(0, Math.trunc(left - 0.5 * wide)), Math.max(0, Math.trunc(top - 0.5 * high)),
      Math.min(source.width, Math.ceil(right + 0.5 * wide)), Math.min(source.height, Math.ceil(bottom + 0.5 * high)),
    ];
    const [x, y] = safe, rest = [(left - x) / across, (top - y) / down, (right - x) / across, (bottom - y) / down];
    return resample(reduce(source, safe, across, down), rest, width, height);
  }

  return { image, resize };
})();
