import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../../worker/", import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, folder), "utf8");

test("the loader and the workers' scripts are classic scripts that import nothing statically", () => {
  for (const name of ["loader.js", "throttle.js", "interrupt.js", "snapshot.js", "worker.js"]) assert.doesNotMatch(read(name), /^\s*(import|export)\b/m);
});

test("the frames ask early for every module that they will need", () => {
  for (const [page, entry] of [["bridge.html", "bridge.js"], ["cell.html", "cell.js"]]) {
    const needed = new Set([entry]);
    for (const name of needed) {
      for (const [, imported] of read(name).matchAll(/^import .* from "\.\/(.*)";$/gm)) needed.add(imported);
    }
    const asked = [...read(page).matchAll(/"\/worker\/(.*?\.js)"/g)].map(([, name]) => name);
    assert.deepEqual(asked.sort(), [...needed].sort());
  }
});

test("every state and every reason has words for the visitor", () => {
  const { panel } = JSON.parse(read("words/en.json"));
  const named = (/** @type {string} */ text, /** @type {string} */ type) => {
    const [, names] = /** @type {RegExpExecArray} */ (new RegExp(`@typedef \\{([^}]*)\\} ${type}\\b`).exec(text));
    return [...names.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  };
  const [channels, conditions] = [read("channels.js"), read("conditions.js")];
  const all = [...named(channels, "State"), ...named(channels, "PauseReason"), ...named(channels, "FailReason"), ...named(conditions, "Reason")];
  assert.ok(all.length > 15);
  for (const name of all) assert.ok(panel[name], name);
});

test("no word of the question has the name of one of the panel: sites give their own by name", () => {
  const { question, panel } = JSON.parse(read("words/en.json"));
  assert.deepEqual(Object.keys(question).filter((name) => name in panel), []);
});

test("no module is longer than 400 lines", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".js"))) {
    assert.ok(read(name).split("\n").length < 400, name);
  }
});
