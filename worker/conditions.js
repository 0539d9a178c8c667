/**
 * When not to compute although the visitor has agreed: nobody looks, data is to be saved, the battery is low, the device is busy.
 */

/** Below this a battery that is not being charged is left alone. */
const BATTERY_FLOOR = 0.4;
/** Computing makes a device busy by itself: it goes on when the device was not called busy for so long. */
const RELIEF_MS = 20_000;
const LOOK_MS = 2000;
/** Share of the time of a core: on a desktop without a battery, where that is not known or a battery is there, on a small device. */
const SHARES = Object.freeze({ desktop: 0.5, portable: 0.3, small: 0.2 });

/** @typedef {"" | "hidden" | "saver" | "battery" | "mains" | "pressure"} Reason */

/**
 * @typedef {object} Facts
 * @property {boolean} hidden the page is in the background
 * @property {boolean} saver the visitor has asked to save data
 * @property {{charging: boolean, level: number} | null} battery null: the browser does not tell
 * @property {boolean} pressed the device was busy a moment ago
 */

/**
 * Why not to compute now; nothing if nothing speaks against it.
 * @param {Facts} facts
 * @param {boolean} mains only mains power will do
 * @returns {Reason}
 */
export function reasonToRest({ hidden, saver, battery, pressed }, mains) {
  if (hidden) return "hidden";
  if (saver) return "saver";
  if (mains && !battery?.charging) return "mains"; // a promise: where the browser does not tell, it is not known to be kept
  if (battery && !battery.charging && battery.level < BATTERY_FLOOR) return "battery";
  return pressed ? "pressure" : "";
}

/**
 * The share of a core that suits a device, if the site does not say one.
 * @param {{charging: boolean, level: number} | null} battery
 * @param {boolean} small a telephone or tablet
 */
export function usualShare(battery, small) {
  if (small) return SHARES.small;
  const none = battery?.charging && battery.level === 1; // how browsers show a device without one
  return none ? SHARES.desktop : SHARES.portable;
}

/**
 * @typedef {EventTarget & {charging: boolean, level: number}} BatteryManager
 * @typedef {Navigator & {getBattery?: () => Promise<BatteryManager>, connection?: {saveData?: boolean},
 *   userAgentData?: {mobile: boolean}}} FullNavigator
 */

export class Conditions {
  /** Only mains power will do. */
  mains = false;
  /** Whatever happens, go on. */
  dedicated = false;
  /** @type {() => void} to be called when something has changed */
  onChange = () => {};
  /** @type {BatteryManager | null} */
  #battery = null;
  #pressed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #relief;
  #navigator = /** @type {FullNavigator} */ (navigator);

  constructor() {
    const changed = () => this.onChange();
    document.addEventListener("visibilitychange", changed);
    setInterval(changed, LOOK_MS); // not every browser has an event for data saver
    this.#watchBattery(changed).catch(() => {}); // a site may forbid it: then it is not known
  }

  /** @param {() => void} changed */
  async #watchBattery(changed) {
    this.#battery = (await this.#navigator.getBattery?.()) ?? null;
    for (const name of ["chargingchange", "levelchange"]) this.#battery?.addEventListener(name, changed);
    changed();
  }

  get reason() {
    if (this.dedicated) return "";
    const { hidden } = document;
    const saver = this.#navigator.connection?.saveData ?? false;
    return reasonToRest({ hidden, saver, battery: this.#battery, pressed: this.#pressed }, this.mains);
  }

  get share() {
    const small = this.#navigator.userAgentData?.mobile ?? /Android|iPhone|iPad|Mobile/.test(navigator.userAgent);
    return usualShare(this.#battery, small);
  }

  /**
   * The page has heard from the browser how busy the device is (Compute Pressure API).
   * @param {unknown} state
   */
  pressure(state) {
    clearTimeout(this.#relief);
    if (state === "serious" || state === "critical") {
      this.#pressed = true;
      this.onChange();
    } else if (this.#pressed) {
      this.#relief = setTimeout(() => {
        this.#pressed = false;
        this.onChange();
      }, RELIEF_MS);
    }
  }

  /** @returns {Promise<void>} when the files may be downloaded: somebody looks, and no data is to be saved */
  async mayLoad() {
    while (this.reason === "hidden" || this.reason === "saver") {
      await new Promise((resolve) => {
        document.addEventListener("visibilitychange", resolve, { once: true });
        setTimeout(resolve, LOOK_MS);
      });
    }
  }
}
