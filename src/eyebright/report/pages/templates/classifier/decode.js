"use strict";
// From a file to an image, upright and in sRGB. What is not a PNG is decoded by the browser, and read in strips.
const Decode = (() => {
  const MOST = 178956970;  // pixels, as eyebright accepts
  const STRIP = 1 << 22;  // pixels of a canvas: phones refuse large ones
  const HEIC = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

  function strips(bitmap) {
    const { width, height } = bitmap, canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    function read(top, bottom) {
      canvas.width = width;  // which clears it too
      canvas.height = bottom - top;
      context.fillStyle = "white";
      context.fillRect(0, 0, width, bottom - top);
      context.drawImage(bitmap, 0, -top);
      return context.getImageData(0, 0, width, bottom - top).data;
    }
    if (width * height <= STRIP) return Resize.image(width, height, read(0, height));
    const each = Math.max(Math.floor(STRIP / width), 1);
    return { width, height, rows(top, bottom) {
      if (bottom - top <= each) return read(top, bottom);
      const whole = new Uint8Array(width * (bottom - top) * 4);
      for (let y = top; y < bottom; y += each) whole.set(read(y, Math.min(y + each, bottom)), (y - top) * width * 4);
      return whole;
    } };
  }

  async function byBrowser(file, start) {
    try {
      return await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      const letters = String.fromCharCode(...start), isHeic = letters.slice(4, 8) === "ftyp" && HEIC.includes(letters.slice(8, 12));
      if (isHeic) throw new Error("a HEIC image, which this browser cannot open: save it as JPEG");
      throw new Error("not an image that this browser can open, or a damaged one");
    }
  }

  // Calls `use` with the image of a file, as Resize takes it, and gives back what that returns.
  async function decode(file, use) {
    const start = new Uint8Array(await file.slice(0, 12).arrayBuffer());
    if (!start.length) throw new Error("an empty file");
    const png = start[0] === 137 ? await Png.decode(new Uint8Array(await file.arrayBuffer())) : null;
    if (png) return use(png);
    const bitmap = await byBrowser(file, start);
    try {
      if (bitmap.width * bitmap.height > MOST) throw new Error(`too large: more than ${Math.floor(MOST / 1e6)} million pixels`);
      return use(strips(bitmap));
    } finally {
      bitmap.close();
    }
  }

  return { decode };
})();
