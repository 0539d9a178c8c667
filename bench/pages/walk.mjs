// Shared by all pages: report what was found, then go where the benchmark sends the browser.

/** @param {object} found */
export async function report(found) {
  await fetch("/report", { method: "POST", body: JSON.stringify(found) });
  await walk();
}

export async function walk() {
  const next = await (await fetch("/next", { cache: "no-store" })).text();
  location.href = next;
}

addEventListener("error", (event) => report({ error: String(event.message) }));
addEventListener("unhandledrejection", (event) => report({ error: String(event.reason) }));
