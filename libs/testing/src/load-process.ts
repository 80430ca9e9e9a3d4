import { CONNECTIONS, type LoadCounts, type LoadKind } from './mixed-load.js';
import { runSource, type SourceProcess } from './source-process.js';

const MIXED_LOAD = new URL('./mixed-load.ts', import.meta.url);

/** A process that sends a mix of requests to a port of this machine over many connections. */
export class LoadProcess {
  private turn = 0;

  private constructor(private readonly child: SourceProcess) {}

  /** Resolves when its connections are open; each has then asked for something of the first kind. */
  static async start(port: number, kinds: readonly LoadKind[], connections = CONNECTIONS): Promise<LoadProcess> {
    const child = runSource(`
      import { serveLoad } from ${JSON.stringify(MIXED_LOAD.href)};
      await serveLoad(${port}, ${JSON.stringify(kinds)}, ${connections});
    `);
    await child.line('ready');
    return new LoadProcess(child);
  }

  get pid(): number {
    return this.child.pid;
  }

  /**
   * Sends for some seconds, and waits for what is still to be answered.
   * @param rate requests per second, whatever becomes of them; 0: as many as 32 connections can, one after the other
   */
  async send(rate: number, seconds: number): Promise<LoadCounts> {
    this.turn += 1;
    this.child.tell(JSON.stringify({ turn: this.turn, rate, seconds }));
    const line = await this.child.line(`result ${this.turn} `);
    return JSON.parse(line.replace(/^result \d+ /, '')) as LoadCounts;
  }

  async stop(): Promise<void> {
    await this.child.kill();
  }
}
