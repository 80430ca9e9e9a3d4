import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import type { RevocationList } from '@nexus/auth-guards';
import type { DatabaseRoot } from '@nexus/database';
import { type AppError, errors, within } from '@nexus/kernel';
import type { CircuitState } from '@nexus/resilience';
import type { ServiceDefinition } from './define-service.js';

const CHECK_TIMEOUT_MS = 2_000;
/** Those who probe do not wait for long, and a peer that hangs must not make them believe that this process does. */
const PEER_TIMEOUT_MS = 500;
/** Looking at peers may take a handshake with each: however many probes come, they share one look for so long. */
const PEERS_KNOWN_MS = 1_000;

/** A service that runs elsewhere and is asked with care, or not at all. */
export interface Impairment {
  readonly service: string;
  /** It fails: `open` it is not asked for a while, `half_open` a few requests are tried. */
  readonly circuit?: CircuitState;
  /** Addresses of it that are left alone. */
  readonly ejected?: number;
  /** As many requests as are allowed run and wait. */
  readonly full?: boolean;
}

/** What a ready process says. */
export interface Readiness {
  readonly status: 'ok';
  /** Services that run elsewhere and cannot be reached. */
  readonly missing?: readonly string[];
  readonly impaired?: readonly Impairment[];
  /** There was too much to do lately: it takes so many requests at a time. */
  readonly limited?: { readonly requests: number };
}

/** What is wrong and does not keep the process from serving. */
export interface Shortcomings {
  readonly impaired: () => readonly Impairment[];
  /** Undefined while the process takes as many requests as it may at most. */
  readonly limit: () => number | undefined;
}

const NONE: Shortcomings = { impaired: () => [], limit: () => undefined };

/** One thing the process cannot serve without. Never a peer's readiness: that would take all down with one. */
export interface ReadinessCheck {
  readonly name: string;
  readonly check: () => Promise<void>;
}

/** Liveness and readiness of the process. */
export class Health {
  private state: 'starting' | 'ready' | 'stopping' = 'starting';
  private running: Promise<AppError | undefined> | undefined;
  private missing: { readonly at: number; readonly names: Promise<string[]> } | undefined;

  constructor(
    private readonly service: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly checks: readonly ReadinessCheck[],
    private readonly peers: readonly ReadinessCheck[] = [],
    private readonly shortcomings: Shortcomings = NONE,
  ) {}

  /** What a ready process says: what is wrong with services that run elsewhere is told, but does not take it out. */
  async ready(): Promise<Readiness> {
    const now = performance.now();
    if (this.missing === undefined || now - this.missing.at > PEERS_KNOWN_MS)
      this.missing = { at: now, names: this.findMissing() };
    const missing = await this.missing.names;
    const impaired = this.shortcomings.impaired();
    const requests = this.shortcomings.limit();
    return {
      status: 'ok',
      ...(missing.length === 0 ? {} : { missing }),
      ...(impaired.length === 0 ? {} : { impaired }),
      ...(requests === undefined ? {} : { limited: { requests } }),
    };
  }

  private async findMissing(): Promise<string[]> {
    const found = await Promise.all(
      this.peers.map(({ name, check }) =>
        within(PEER_TIMEOUT_MS, check()).then(
          () => undefined,
          () => name,
        ),
      ),
    );
    return found.filter((name) => name !== undefined);
  }

  markReady(): void {
    if (this.state === 'starting') this.state = 'ready';
  }

  /** From now on readiness answers 503, so that nobody sends new requests. */
  markStopping(): void {
    this.state = 'stopping';
  }

  /** Undefined when requests can be served, else the answer that says why not. Probes share one round of checks. */
  readiness(): Promise<AppError | undefined> {
    if (this.state !== 'ready') {
      return Promise.resolve(
        errors.unavailable({ message: `The process is ${this.state}.`, headers: { 'Retry-After': '1' } }),
      );
    }
    this.running ??= this.probe().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async probe(): Promise<AppError | undefined> {
    const failed: string[] = [];
    const indicators = this.checks.map(({ name, check }) => async () => {
      const session = this.indicators.check(name);
      try {
        await within(CHECK_TIMEOUT_MS, check());
        return session.up();
      } catch {
        failed.push(name);
        return session.down();
      }
    });
    try {
      await this.service.check(indicators);
      return undefined;
    } catch {
      const details = failed.map((name) => ({ code: 'unavailable', field: name, message: `${name} does not answer.` }));
      return errors.unavailable({ details, headers: { 'Retry-After': '1' } });
    }
  }
}

/** The databases of the process, each with its own check. */
export function databaseChecks(databases: DatabaseRoot): ReadinessCheck[] {
  return databases.schemas.map((schema) => ({ name: `database:${schema}`, check: () => databases.get(schema).ping() }));
}

/**
 * That the schemas are as new as the code: a process that comes before its migration waits for it, out of service, and a
 * newer schema is no matter, since changes of schemas leave what the version before needs. Looked at until it was so once.
 */
export function schemaChecks(databases: DatabaseRoot, services: readonly ServiceDefinition[]): ReadinessCheck[] {
  return services.flatMap(({ name, database }) => {
    if (!database) return [];
    const wanted = database.migrations.map((migration) => migration.name);
    let isThere = false;
    const check = async () => {
      if (isThere) return;
      const text = `SELECT count(*)::int AS there FROM "${name}".migrations WHERE name = ANY($1)`;
      const [row] = await databases.get(name).prepared<{ there: number }>(text, [wanted]);
      if (row?.there !== wanted.length) throw errors.unavailable();
      isThere = true;
    };
    return [{ name: `schema:${name}`, check }];
  });
}

/** Nobody can be let in before it was once known whose tokens count no more. A silence later is no matter of readiness. */
export function revocationsKnown(revocations: Pick<RevocationList, 'unsureMs'>): ReadinessCheck {
  let known = false;
  return {
    name: 'revocations',
    check: async () => {
      known ||= Number.isFinite(revocations.unsureMs());
      if (!known) throw errors.unavailable();
    },
  };
}
