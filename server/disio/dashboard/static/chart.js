// The rate of a task over the time that this page was open. The dashboard keeps no history; this tab does.

const MAX_POINTS = 1200;
const SHORTEST_SECONDS = 15;
const FEWEST_POINTS = 4;
const section = document.getElementById("chart");
const key = `disio-rate-${section.dataset.task}`;
let history = restore();
let plot = null;

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? [[], []];
  } catch {
    return [[], []];
  }
}

function colour(name) {
  // Custom properties may hold light-dark(): let the browser work it out.
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  section.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function draw() {
  if (history[0].length < FEWEST_POINTS || history[1].every((rate) => rate === 0)) {
    return; // a curve of nothing says less than no curve
  }
  section.hidden = false;
  const place = document.getElementById("plot");
  const size = { width: place.clientWidth - 16, height: 208 };
  if (plot !== null) {
    plot.setData(history);
    return;
  }
  const [ink, line, accent] = ["--soft", "--line", "--accent"].map(colour);
  const [red, green, blue] = accent.match(/[\d.]+/g);
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  plot = new uPlot(
    {
      ...size,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      scales: {
        x: { range: (_, low, high) => [low, Math.max(high, low + SHORTEST_SECONDS)] },
        y: { range: (_, low, high) => [0, Math.max(high * 1.15, 1)] },
      },
      axes: [{ ...axis, space: 90, values: (_, times) => times.map(clock) }, { ...axis, size: 56 }],
      series: [{}, { stroke: accent, width: 2, fill: `rgba(${red}, ${green}, ${blue}, 0.12)`, points: { show: false } }],
    },
    history,
    place,
  );
}

function clock(time) {
  return new Date(time * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

function redraw() {
  plot?.destroy();
  plot = null;
  draw();
}

document.body.addEventListener("disio:figures", ({ detail }) => {
  if (detail.ended && history[0].length === 0) {
    return;
  }
  if (!detail.ended || history[1].at(-1) !== 0) {
    history[0].push(Date.now() / 1000);
    history[1].push(detail.ended ? 0 : detail.rate);
  }
  if (history[0].length > MAX_POINTS) {
    history = history.map((values) => values.filter((_, index) => index % 2 === 1));
  }
  sessionStorage.setItem(key, JSON.stringify(history));
  draw();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", () => plot?.setSize({ width: document.getElementById("plot").clientWidth - 16, height: 208 }));
draw();
