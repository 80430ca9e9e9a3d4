/**
 * Lines for steps that take long. A step that is done within the quiet time prints nothing, so that a warm start stays
 * silent; one that lasts says its name, and then how long it has been at it.
 */
export class Progress {
  #stream;
  #quietMs;
  #everyMs;
  #message = '';
  #started = 0;
  #shown = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {NodeJS.WritableStream} stream where the lines go
   * @param {{ quietMs?: number, everyMs?: number }} [times] milliseconds before the first line and between the next ones
   */
  constructor(stream, { quietMs = 1000, everyMs = 10_000 } = {}) {
    this.#stream = stream;
    this.#quietMs = quietMs;
    this.#everyMs = everyMs;
  }

  /**
   * Begins a step; the one before it is over.
   * @param {string} message without the dots
   * @param {{ atOnce?: boolean }} [options] atOnce: it is known to take long
   */
  step(message, { atOnce = false } = {}) {
    if (message === this.#message) return;
    this.end();
    this.#message = message;
    this.#started = Date.now();
    if (atOnce) this.#show();
    else this.#arm(this.#quietMs);
  }

  /** Ends the current step without a word. */
  end() {
    clearTimeout(this.#timer);
    this.#message = '';
    this.#shown = false;
  }

  /** @param {number} delay milliseconds */
  #arm(delay) {
    this.#timer = setTimeout(() => this.#show(), delay);
    this.#timer.unref();
  }

  #show() {
    const seconds = Math.round((Date.now() - this.#started) / 1000);
    this.#stream.write(this.#shown ? `${this.#message}… ${seconds} s\n` : `${this.#message}…\n`);
    this.#shown = true;
    this.#arm(this.#everyMs);
  }
}
