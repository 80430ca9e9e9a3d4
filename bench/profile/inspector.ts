import type { CpuProfile } from './summary.ts';

const SAMPLING_MICROS = 200;
const REPLY_DEADLINE_MS = 30_000;

interface Reply {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** A process that was started with `--inspect`, asked for a CPU profile over the protocol of Node's inspector. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  #sent = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      const waiting = reply.id === undefined ? undefined : this.#waiting.get(reply.id);
      if (waiting === undefined) return;
      if (reply.error === undefined) waiting.resolve(reply);
      else waiting.reject(new Error(`inspector: ${reply.error.message}`));
    });
    socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the inspector is gone'));
    });
  }

  static async attach(host: string, port: number): Promise<Inspector> {
    const answer = await fetch(`http://${host}:${port}/json/list`);
    const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
    if (target === undefined) throw new Error('the process has no inspector');
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', () => reject(new Error('the inspector does not answer')));
    });
    return new Inspector(socket);
  }

  async start(): Promise<void> {
    await this.#ask('Profiler.enable');
    await this.#ask('Profiler.setSamplingInterval', { interval: SAMPLING_MICROS });
    await this.#ask('Profiler.start');
  }

  async stop(): Promise<CpuProfile> {
    const { result } = await this.#ask('Profiler.stop');
    return result?.profile as CpuProfile;
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(method: string, params: object = {}): Promise<Reply> {
    this.#sent += 1;
    const id = this.#sent;
    let deadline: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Reply>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        deadline = setTimeout(() => reject(new Error(`inspector: no answer to ${method}`)), REPLY_DEADLINE_MS);
        this.#socket.send(JSON.stringify({ id, method, params }));
      });
    } finally {
      clearTimeout(deadline);
      this.#waiting.delete(id);
    }
  }
}
