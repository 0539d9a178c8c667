/** How far downloads are. */

export class Tally {
  /** Bytes of the files that are on their way. */
  wanted = 0;
  /** So many of them are here. */
  come = 0;
  /** More has come, or a download has ended. */
  onChange = () => {};
  #under = 0;

  /**
   * Count in what one download brings, until it has ended; with the last one the count begins anew.
   * @template T
   * @param {number} size bytes
   * @param {(onBytes: (bytes: number) => void) => Promise<T>} download tells of each piece that comes, and, with a minus, of
   *   those that came in vain
   */
  async follow(size, download) {
    let come = 0;
    this.#under += 1;
    this.wanted += size;
    try {
      return await download((bytes) => {
        const more = Math.min(bytes, size - come);
        come += more;
        this.come += more;
        this.onChange();
      });
    } finally {
      this.#under -= 1;
      if (this.#under === 0) this.wanted = this.come = 0;
      this.onChange();
    }
  }
}
