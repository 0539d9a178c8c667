// What the pages do beyond htmx: copying, confirming, reading a chosen file, telling that the dashboard is away.

const offline = document.getElementById("offline");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button === null) {
    return;
  }
  if (button.dataset.confirm !== undefined && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
  }
  if (button.dataset.copy !== undefined) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
});

document.addEventListener("htmx:sseError", () => (offline.hidden = false));
document.addEventListener("htmx:sseOpen", () => (offline.hidden = true));

// A task's page: what has changed since the last look is told to the parts that show it.
let last = null;

function look() {
  const now = document.getElementById("task-now");
  if (now === null) {
    return;
  }
  const { accepted, failed, ended, rate } = now.dataset;
  if (last !== null) {
    tell("disio:accepted", accepted !== last.accepted);
    tell("disio:failed", failed !== last.failed);
    tell("disio:ended", ended !== last.ended && ended === "true");
  }
  last = { accepted, failed, ended };
  const detail = { accepted: Number(accepted), rate: Number(rate), ended: ended === "true" };
  document.body.dispatchEvent(new CustomEvent("disio:figures", { detail }));
}

function tell(name, changed) {
  if (changed) {
    document.body.dispatchEvent(new CustomEvent(name));
  }
}

document.addEventListener("htmx:sseMessage", look);
look();

// The form for a new task: a chosen file is read into the text area, Tab indents.
const file = document.getElementById("file");
const source = document.getElementById("source");

file?.addEventListener("change", async () => {
  const [chosen] = file.files;
  if (chosen !== undefined) {
    source.value = await chosen.text();
    document.getElementById("filename").value = chosen.name;
    file.value = "";
  }
});

let leaving = false;
source?.addEventListener("keydown", (event) => {
  // Escape, then Tab leaves the text area: the keyboard is never caught in it.
  if (event.key === "Tab" && !event.shiftKey && !leaving) {
    event.preventDefault();
    source.setRangeText("    ", source.selectionStart, source.selectionEnd, "end");
  }
  leaving = event.key === "Escape";
});
