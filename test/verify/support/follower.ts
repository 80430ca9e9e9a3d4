import { get, type IncomingMessage } from 'node:http';

const BACK_MS = 200;

/** A client of the live stream of an inbox that comes back whenever its stream has ended. */
export class Follower {
  /** Titles of the entries, in order of their arrival. */
  readonly titles: string[] = [];
  opened = 0;
  /** Streams that ended as they should. */
  ended = 0;
  /** What went wrong: streams that broke off, and answers that were none. */
  readonly faults: string[] = [];
  /** Status of the answer when it was let in no more. */
  refusal: number | undefined;
  private lastId: string | undefined;
  private response: IncomingMessage | undefined;
  private going = true;

  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {
    this.open();
  }

  stop(): void {
    this.going = false;
    this.response?.destroy();
  }

  private open(): void {
    const headers = {
      authorization: `Bearer ${this.token}`,
      ...(this.lastId ? { 'last-event-id': this.lastId } : {}),
    };
    get(`${this.url}/api/v1/notifications/stream`, { agent: false, headers }, (response) => this.read(response)).on(
      'error',
      (error) => {
        if (!this.response) this.fault(String(error));
      },
    );
  }

  private read(response: IncomingMessage): void {
    this.response = response;
    if (response.statusCode !== 200) {
      response.resume();
      this.refusal = response.statusCode;
      this.response = undefined;
      if (response.statusCode !== 401) this.fault(`It was answered with ${response.statusCode}`);
      return;
    }
    this.opened += 1;
    let rest = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      const frames = (rest + text).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) this.take(frame);
    });
    response.on('error', () => undefined);
    response.once('close', () => {
      this.response = undefined;
      if (!response.complete) this.fault('The stream broke off');
      else {
        this.ended += 1;
        this.comeBack();
      }
    });
  }

  private take(frame: string): void {
    const fields = new Map(frame.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
    this.lastId = fields.get('id') ?? this.lastId;
    const data = fields.get('data');
    if (data !== undefined) this.titles.push((JSON.parse(data) as { title: string }).title);
  }

  private fault(why: string): void {
    if (!this.going) return;
    this.faults.push(why);
    this.comeBack();
  }

  private comeBack(): void {
    if (this.going) setTimeout(() => this.open(), BACK_MS);
  }
}
