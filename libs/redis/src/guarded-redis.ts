import type { Logger } from '@nexus/observability';
import { CallDeadlines, type DeadlineCall } from './call-deadlines.js';
import { LATE, REFUSED, RedisAway, type RedisAwayReason } from './redis-away.js';
import { RedisBreaker } from './redis-breaker.js';
import { createRedisClient, type RedisClient } from './redis-client.js';
import { RedisNodes } from './redis-nodes.js';
import type { RedisAddress } from './redis-urls.js';

export interface GuardedRedisOptions {
  readonly addresses: readonly RedisAddress[];
  /** How long an answer is waited for, in ms. */
  readonly deadlineMs: number;
  /** What all keys begin with. */
  readonly prefix: string;
  readonly logger?: Logger;
}

/** Calls by how they ended, since the start. */
export type RedisCalls = Readonly<Record<'ok' | RedisAwayReason, number>>;

/** How long the start of a process waits for the first connection, in ms. */
const FIRST_CONNECTION_MS = 1_000;

type Command = (key: string, ...args: (string | number)[]) => Promise<unknown>;

class Call<T> implements DeadlineCall {
  done = false;
  readonly startedAt = performance.now();

  constructor(
    private readonly ended: (reason: keyof RedisCalls) => void,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: RedisAway) => void,
  ) {}

  late(): void {
    this.done = true;
    this.ended('late');
    this.reject(LATE);
  }

  answered(value: T): void {
    if (this.done) return;
    this.done = true;
    this.ended('ok');
    this.resolve(value);
  }

  failed(cause: unknown): void {
    if (this.done) return;
    this.done = true;
    this.ended('failed');
    this.reject(new RedisAway('failed', cause));
  }
}

/**
 * Redis for those who can go on without it. Each call is answered or given up within the deadline; a server that does not
 * answer is not asked until it does again, so that it costs a few calls their deadline and nobody after them anything.
 * In a cluster this holds for each node on its own.
 *
 * The client is ioredis; whatever commands it has may be used in {@link run}.
 */
export class GuardedRedis {
  private readonly deadlines: CallDeadlines;
  private readonly nodes: RedisNodes;
  private readonly breakers = new Map<string, RedisBreaker>();
  private readonly listeners = new Set<(isUp: boolean) => void>();
  private readonly counts = { ok: 0, refused: 0, late: 0, failed: 0 };
  private isConnected = false;
  private isClosed = false;

  private constructor(
    private readonly client: RedisClient,
    private readonly options: GuardedRedisOptions,
  ) {
    this.deadlines = new CallDeadlines(options.deadlineMs);
    this.nodes = new RedisNodes(client);
    client.on('ready', () => this.connected());
    client.on('close', () => this.disconnected());
    // Told by the breakers; without a listener the process would end.
    client.on('error', () => undefined);
    client.on('node error', () => undefined);
  }

  /** Connects. Does not fail where nobody answers: the connection is made when somebody does. */
  static async open(options: GuardedRedisOptions): Promise<GuardedRedis> {
    const redis = new GuardedRedis(await createRedisClient(options.addresses, true), options);
    await redis.start();
    return redis;
  }

  private async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FIRST_CONNECTION_MS);
    });
    const connecting = this.client.connect().then(
      () => this.connected(),
      () => undefined,
    );
    await Promise.race([connecting, patience]);
    clearTimeout(timer);
    if (!this.isConnected) this.disconnected();
  }

  private connected(): void {
    this.isConnected = true;
    for (const breaker of this.breakers.values()) breaker.lookSoon();
  }

  /** Nobody has to find that out by asking, and those who wait for its return are told of it. */
  private disconnected(): void {
    this.isConnected = false;
    if (this.isClosed) return;
    this.breakerOf(this.nodes.first).open();
    for (const breaker of this.breakers.values()) breaker.open();
  }

  /** What all keys begin with. */
  get prefix(): string {
    return this.options.prefix;
  }

  /** Servers that are not asked, because they do not answer. */
  get away(): readonly string[] {
    return [...this.breakers].filter(([, breaker]) => breaker.isOpen).map(([node]) => node);
  }

  get isUp(): boolean {
    return this.isConnected && this.away.length === 0;
  }

  /** Whether the server of a key is asked at all. */
  answers(key: string): boolean {
    return this.isConnected && !this.breakerOf(this.nodes.of(key)).isOpen;
  }

  get calls(): RedisCalls {
    return this.counts;
  }

  /** Told whenever one server of it is given up, or is back. @returns ends it */
  onChange(listener: (isUp: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Another connection, for commands that wait; not guarded, and the caller's to end. */
  duplicate(): Promise<RedisClient> {
    return createRedisClient(this.options.addresses, false);
  }

  /**
   * Asks Redis.
   * @param key one of those that `work` names, with its prefix: says which server is asked
   * @throws RedisAway when there is no answer in time
   */
  run<T>(key: string, work: (client: RedisClient) => Promise<T>): Promise<T> {
    const node = this.nodes.of(key);
    const breaker = this.breakerOf(node);
    if (breaker.isOpen || !this.isConnected) {
      this.counts.refused += 1;
      return Promise.reject(REFUSED);
    }
    return this.within(
      () => work(this.client),
      (reason) => {
        this.counts[reason] += 1;
        if (reason === 'ok') breaker.succeeded();
        else breaker.failed();
      },
    );
  }

  /**
   * Makes a script known, which the server runs as a whole: nothing comes in between.
   * @param lua with one key
   * @returns runs it; throws {@link RedisAway}
   */
  script(name: string, lua: string): (key: string, ...args: (string | number)[]) => Promise<unknown> {
    this.client.defineCommand(name, { numberOfKeys: 1, lua });
    const command = (this.client as unknown as Record<string, Command>)[name] as Command;
    return (key, ...args) => this.run(key, (client) => command.call(client, key, ...args));
  }

  private within<T>(work: () => Promise<T>, ended: (reason: keyof RedisCalls) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call = new Call<T>(ended, resolve, reject);
      this.deadlines.add(call);
      work().then(
        (value) => call.answered(value),
        (cause: unknown) => call.failed(cause),
      );
    });
  }

  private breakerOf(node: string): RedisBreaker {
    const known = this.breakers.get(node);
    if (known) return known;
    const breaker = new RedisBreaker({
      look: () => this.look(node),
      reconnect: () => this.nodes.reconnect(node),
      changed: (isOpen) => this.changed(node, isOpen),
    });
    this.breakers.set(node, breaker);
    return breaker;
  }

  private look(node: string): Promise<unknown> {
    // Gone from the cluster: who asks it next is sent elsewhere.
    if (!this.nodes.has(node)) return Promise.resolve();
    return this.within(
      () => this.nodes.ping(node),
      () => undefined,
    );
  }

  private changed(node: string, isOpen: boolean): void {
    if (this.isClosed) return;
    const { logger } = this.options;
    if (isOpen) logger?.warn('Redis does not answer; the process goes on without it', { 'server.address': node });
    else logger?.info('Redis answers again', { 'server.address': node });
    if (!isOpen && !this.nodes.has(node)) this.breakers.delete(node);
    for (const listener of this.listeners) listener(!isOpen);
  }

  /** Ends the connections; calls that are under way fail. */
  close(): void {
    this.isClosed = true;
    for (const breaker of this.breakers.values()) breaker.close();
    this.client.disconnect();
  }
}
