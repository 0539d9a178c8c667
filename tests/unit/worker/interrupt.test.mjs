import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const source = readFileSync(new URL("../../../worker/interrupt.js", import.meta.url), "utf8");
const pyodide = new URL("../../../pyodide_bundle/node_modules/pyodide/", import.meta.url);

/** An interrupt whose clock is set by the test, and an address that is there until it is taken back. */
function interrupting() {
  const world = { now: 0, there: true, looks: 0 };
  const load = () => {
    world.looks += 1;
    if (!world.there) throw new Error("NetworkError");
  };
  const performance = { now: () => world.now };
  const interrupt = runInNewContext(`${source}; new Interrupt(load)`, { WebAssembly, Uint8Array, performance, load });
  return { interrupt, world };
}

/**
 * Python asks until it is interrupted, each question `ms` after the last.
 * @returns {number} milliseconds until then
 */
function interrupted({ interrupt, world }, ms, limit = 5000) {
  const begin = world.now;
  while (world.now - begin < limit) {
    world.now += ms;
    if (interrupt.ask() !== 0) return world.now - begin;
  }
  return Number.POSITIVE_INFINITY;
}

test("Pyodide's module asks what is put in its place", async () => {
  const module = await WebAssembly.compile(readFileSync(new URL("pyodide.asm.wasm", pyodide)));
  const named = WebAssembly.Module.imports(module).filter(({ name }) => name === "_Py_CheckEmscriptenSignals_Helper");
  assert.deepEqual(named, [{ module: "env", name: "_Py_CheckEmscriptenSignals_Helper", kind: "function" }]);
});

for (const ms of [0.00005, 0.001, 0.1, 5, 60]) {
  test(`a question each ${ms} ms: nothing is interrupted while the address is there, and soon afterwards it is`, () => {
    const beat = interrupting();
    assert.equal(beat.interrupt.watch("blob:here"), true);
    assert.equal(interrupted(beat, ms, 1000), Number.POSITIVE_INFINITY);
    assert.ok(beat.world.looks <= 7, `${beat.world.looks} looks a second`);
    beat.world.there = false;
    assert.ok(interrupted(beat, ms) <= 260 + ms);
  });
}

test("a unit whose questions become rare is looked after again", () => {
  const beat = interrupting();
  beat.interrupt.watch("blob:here");
  interrupted(beat, 0.0001, 500);
  interrupted(beat, 2, 3000);
  beat.world.there = false;
  assert.ok(interrupted(beat, 2) <= 260);
});

test("where nothing can be looked at, nothing is interrupted for it", () => {
  const { interrupt, world } = interrupting();
  world.there = false;
  assert.equal(interrupt.watch("blob:here"), false);
});
