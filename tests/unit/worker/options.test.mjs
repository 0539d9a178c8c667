import assert from "node:assert/strict";
import { test } from "node:test";

import { readLink, readOptions } from "../../../worker/options.js";

test("a tag without attributes: one worker, a share that suits the device, any task", () => {
  const { workers, share, tasks, mains, dedicated, language } = readOptions({}, 8);
  assert.deepEqual([workers, share, tasks, mains, dedicated, language], [1, null, [], false, false, "en"]);
});

test("workers are a number, or a share of the cores; at least one, at most 64", () => {
  const cases = /** @type {const} */ ([["3", 3], ["50%", 4], ["1%", 1], ["900%", 8], ["0", 1], ["-2", 1], ["x", 1], ["1e9", 1], ["1000000000", 64], [2, 2], ["2.9", 2], ["2 cores", 1], ["3 ", 1], ["", 1]]);
  for (const [workers, expected] of cases) assert.equal(readOptions({ workers }, 8, () => {}).workers, expected, String(workers));
});

test("a share of a core is between 0.01 and 1", () => {
  const cases = /** @type {const} */ ([["0.25", 0.25], ["1", 1], ["7", 1], ["0.0001", 0.01], ["0", 0.01], ["-1", 0.01], ["20%", 0.2], ["250%", 1], ["0,3", null], ["much", null], ["", null]]);
  for (const [cpu, expected] of cases) assert.equal(readOptions({ cpu }, 8, () => {}).share, expected, cpu);
  assert.equal(readOptions({ dedicated: "" }, 8).share, 1);
  assert.equal(readOptions({ dedicated: "", cpu: "0.5" }, 8).share, 0.5);
});

test("tasks are named with commas between them", () => {
  assert.deepEqual(readOptions({ tasks: " Digits of pi, mgr-1,," }, 8).tasks, ["Digits of pi", "mgr-1"]);
  assert.equal(readOptions({ tasks: "x,".repeat(100) }, 8).tasks.length, 32);
});

test("links are web addresses", () => {
  assert.equal(readLink("https://example.org/a?b"), "https://example.org/a?b");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "//example.org", "example", ""]) assert.equal(readLink(bad), "");
});

test("what a page gives that is none of this changes nothing", () => {
  for (const given of [null, undefined, 7, "x", [], { theme: "red", language: "../../x", words: "{", power: {} }]) {
    const { theme, language, words, mains } = readOptions(given, 4, () => {});
    assert.deepEqual([theme, language, words, mains], ["", "en", {}, false]);
  }
});

test("words of the site's own are text of a bounded length", () => {
  const words = JSON.stringify({ pause: "Anhalten", resume: "x".repeat(1000) });
  const read = readOptions({ words }, 4).words;
  assert.deepEqual(Object.keys(read), ["pause", "resume"]);
  assert.equal(read.resume.length, 500);
});

test("what is of no use is told in a line each, with what was given and what to give; the rest is not", () => {
  /** @type {string[]} */
  const told = [];
  const wrong = { workers: "many", cpu: "0,3", language: "../x", theme: "red", power: "battery", link: "javascript:x", words: '{\n"a": 7}', tasks: "", purpose: "x" };
  const { workers, share, theme, link, words } = readOptions(wrong, 4, (line) => told.push(line));
  assert.deepEqual([workers, share, theme, link, words], [1, null, "", "", {}]);
  assert.deepEqual(told.map((line) => line.match(/^disio: (\S+) is ignored: give ./)?.[1] ?? line), [
    'data-workers="many"', 'data-cpu="0,3"', 'data-language="../x"', 'data-theme="red"', 'data-power="battery"', 'data-link="javascript:x"',
    'disio: data-words="{ "a": 7}" is ignored: give JSON like {"start":"Go"}',
  ]);
  const right = { workers: 2, cpu: 0.5, language: "pt-BR", theme: "light dark", power: "mains", link: "https://example.org", words: "{}", dedicated: "" };
  for (const given of [right, {}, null, { workers: "", theme: "", words: "", link: "" }]) readOptions(given, 4, assert.fail);
});

test("words are a table of texts", () => {
  for (const words of ["{", "7", "null", '"x"', '["x"]', '{"stop": 7}', '{"stop": null}']) {
    /** @type {string[]} */
    const told = [];
    assert.deepEqual(readOptions({ words }, 4, (line) => told.push(line)).words, {}, words);
    assert.equal(told.length, 1, words);
  }
});
