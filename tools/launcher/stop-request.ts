/** What a person at the terminal asks for: first an orderly stop, then, asked again, one at once. */
export class StopRequest {
  readonly #gentle = new AbortController();
  readonly #urgent = new AbortController();

  /** Aborted by the first request. */
  get signal(): AbortSignal {
    return this.#gentle.signal;
  }

  /** Aborted by the second one. */
  get urgent(): AbortSignal {
    return this.#urgent.signal;
  }

  request(): void {
    if (this.#gentle.signal.aborted) this.#urgent.abort();
    else this.#gentle.abort();
  }

  /** Whoever started us has gone: the same as a first request, however often it is noticed. */
  requestOnce(): void {
    this.#gentle.abort();
  }

  /** Resolves with the first request. */
  get requested(): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve();
      else this.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
