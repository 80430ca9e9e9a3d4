/** `details` of an error. */
export interface Detail {
  readonly code: string;
  readonly field?: string;
  readonly message: string;
}

export interface Page {
  readonly limit: number;
  readonly next_cursor: string | null;
  readonly total: number;
}

export interface ErrorBody {
  readonly success: false;
  readonly error: string;
  readonly error_code: number;
  readonly request_id: string;
  readonly details?: readonly Detail[];
}

/** One answer, as it came. */
export class Reply {
  constructor(
    /** The request, for messages. */
    readonly asked: string,
    readonly status: number,
    readonly headers: Headers,
    readonly bytes: Buffer,
  ) {}

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** @throws Error when the body is not a JSON object */
  get json(): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(this.text);
    } catch {
      throw new Error(`${this.summary}: the body is not JSON`);
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw new Error(`${this.summary}: the body is no object`);
    }
    return value as Record<string, unknown>;
  }

  /** @throws Error unless the answer is a success with `data` */
  data<T>(): T {
    const { json } = this;
    if (json.success !== true || !('data' in json)) throw new Error(`${this.summary}: no data`);
    return json.data as T;
  }

  /** @throws Error unless the answer is a list */
  get page(): Page {
    const { page } = this.json;
    if (page === undefined) throw new Error(`${this.summary}: no page`);
    return page as Page;
  }

  /** @throws Error unless the answer is an error */
  get error(): ErrorBody {
    const { json } = this;
    if (json.success !== false) throw new Error(`${this.summary}: no error`);
    return json as unknown as ErrorBody;
  }

  /** The machine-readable reason of an error, if the answer is one. */
  get code(): string | undefined {
    if (this.status < 400 || this.bytes.length === 0) return undefined;
    return this.error.details?.[0]?.code;
  }

  header(name: string): string | null {
    return this.headers.get(name);
  }

  /** @throws Error when the header is absent */
  required(name: string): string {
    const value = this.headers.get(name);
    if (value === null) throw new Error(`${this.summary}: no ${name}`);
    return value;
  }

  /**
   * The answer itself, when it has one of these statuses.
   * @throws Error with the answer otherwise
   */
  is(...statuses: number[]): this {
    if (!statuses.includes(this.status)) throw new Error(`${this.summary}: expected ${statuses.join(' or ')}`);
    return this;
  }

  /** {@link is}, for an error with a reason. */
  fails(status: number, code: string): this {
    this.is(status);
    if (this.code !== code) throw new Error(`${this.summary}: expected ${code}`);
    return this;
  }

  get summary(): string {
    const body = this.bytes.length > 600 ? `${this.bytes.length} bytes` : this.text;
    return `${this.asked} answered ${this.status} ${body}`.trimEnd();
  }
}
