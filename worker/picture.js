/**
 * Whether what a unit wants to show of a result may be shown. It comes from a stranger's code: an image that cannot be anything
 * else than a small image, or nothing. What passes is only ever the content of an `<img>`, where SVG runs and loads nothing.
 */

const MAX_BYTES = 256 * 1024;
const MAX_PIXELS = 1024;
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Elements that draw once, and make no more of themselves: no `use`, `pattern`, `filter` or `animate`. */
const ELEMENTS = new Set(
  "svg g defs title desc path rect circle ellipse line polyline polygon text tspan linearGradient radialGradient stop".split(" "),
);
const MAX_ELEMENTS = 5000;

/**
 * @param {unknown} bytes as they came from a worker
 * @returns {Blob | null} with its type; null: it is not shown
 */
export function pictureOf(bytes) {
  if (!(bytes instanceof Uint8Array) || bytes.byteLength > MAX_BYTES) return null;
  const data = new Uint8Array(bytes);
  if (PNG.every((byte, index) => data[index] === byte)) return smallEnough(data) ? new Blob([data], { type: "image/png" }) : null;
  return isDrawing(data) ? new Blob([data], { type: "image/svg+xml" }) : null;
}

/** @param {Uint8Array} png whose first part must be its header: width and height */
function smallEnough(png) {
  if (png.byteLength < 33) return false;
  const view = new DataView(png.buffer, png.byteOffset);
  const header = String.fromCharCode(...png.subarray(12, 16));
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  return header === "IHDR" && width >= 1 && height >= 1 && width <= MAX_PIXELS && height <= MAX_PIXELS;
}

/** @param {Uint8Array} data */
function isDrawing(data) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(data).trim();
  } catch {
    return false;
  }
  if (!/^<svg[\s>]/.test(text) || /<[!?]/.test(text)) return false; // no entities, no style sheets, no comments to hide in
  const names = [...text.matchAll(/<\/?([^\s/>]*)/g)].map(([, name]) => name);
  return names.length <= 2 * MAX_ELEMENTS && names.every((name) => ELEMENTS.has(name));
}
