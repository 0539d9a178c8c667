import assert from "node:assert/strict";
import { test } from "node:test";

import { pictureOf } from "../../../worker/picture.js";

/**
 * @param {number} width
 * @param {number} height
 */
function png(width, height, size = 64) {
  const data = new Uint8Array(size);
  data.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  new DataView(data.buffer).setUint32(16, width);
  new DataView(data.buffer).setUint32(20, height);
  return data;
}

const svg = (/** @type {string} */ inside) => new TextEncoder().encode(`<svg xmlns="http://www.w3.org/2000/svg">${inside}</svg>`);

test("a small PNG and a drawing are pictures, each of its type", () => {
  assert.equal(pictureOf(png(640, 480))?.type, "image/png");
  assert.equal(pictureOf(svg('<g><path d="M0 0h9"/><text>a &lt; b</text></g>'))?.type, "image/svg+xml");
});

test("a PNG that would be huge when it is unpacked, or has no header, is none", () => {
  for (const bad of [png(100_000, 2), png(2, 0xffffffff), png(0, 5), png(5, 5, 24), png(5, 5, 300_000)]) assert.equal(pictureOf(bad), null);
  const headless = png(5, 5);
  headless[12] = 0x58;
  assert.equal(pictureOf(headless), null);
});

test("SVG that could run, load, repeat or hide something is none", () => {
  const inside = [
    "<script>alert(1)</script>", '<use href="#a"/>', '<image href="https://example.org/x"/>', "<foreignObject/>", "<style>*{}</style>",
    "<animate/>", "<filter/>", "<pattern/>", "<a/>", "<!-- -->", "<?x?>", "<![CDATA[x]]>", "<SCRIPT/>", "<svg:script/>", "< script/>",
    "<path/>".repeat(11_000), "x".repeat(300_000),
  ];
  for (const bad of inside) assert.equal(pictureOf(svg(bad)), null, bad.slice(0, 40));
  const texts = ['<!DOCTYPE svg [<!ENTITY a "b">]><svg></svg>', "<html></html>", "", "svg", "<svgx></svgx>", '<?xml version="1.0"?><svg/>'];
  for (const bad of texts) assert.equal(pictureOf(new TextEncoder().encode(bad)), null, bad);
});

test("what is no bytes, or no text, is none", () => {
  for (const bad of [null, undefined, "<svg></svg>", 7, [], {}, new Uint8Array([0x3c, 0xff, 0xfe])]) assert.equal(pictureOf(bad), null);
});
