import { join } from 'node:path';
import { freePort } from '../tools/test/free-ports.ts';
import { type CallResult, call } from './http-call.ts';
import type { Cores } from './machine.ts';
import { createPlans, projectBody } from './request-plans.ts';
import {
  type Account,
  type Answer,
  type Answers,
  PRODUCT_SCENARIO_NAMES,
  type ProductScenarioName,
  type ReferenceData,
  type RequestPlan,
  type RequestPlans,
} from './scenarios.ts';
import { HOST, ServedProcess } from './served-process.ts';
import { SmtpSink } from './smtp-sink.ts';

/** More than a list shows, so that a list has a next page. */
const PROJECTS = 25;
/** Several, so that sign-ins do not wait for each other's rows. */
const LOGIN_ACCOUNTS = 4;
/** The limits stay on, since their cost belongs to the measurement, but are never reached. */
const NO_LIMIT = '1000000000';

/** What every process of one platform is told alike. */
export interface PlatformSettings {
  databaseUrl: string;
  /** Issuer of the tokens, which all of them check. */
  publicUrl: string;
  smtpPort: number;
}

/** Settings of a production process, with limits that the load does not reach. */
export function productEnv(
  input: PlatformSettings & { dataDir: string; port: number; managementPort: number },
): Record<string, string> {
  return {
    NEXUS_ENV: 'production',
    HOST,
    PORT: String(input.port),
    MANAGEMENT_PORT: String(input.managementPort),
    PUBLIC_URL: input.publicUrl,
    NEXUS_DATA_DIR: input.dataDir,
    DATABASE_URL: input.databaseUrl,
    AUTH_SECRET: 'a secret of a benchmark, nowhere else in use',
    SMTP_URL: `smtp://${HOST}:${input.smtpPort}`,
    ADMIN_EMAIL: 'operator@bench.example',
    ADMIN_PASSWORD: 'an administrator of a benchmark',
    RATE_LIMIT_ANONYMOUS: NO_LIMIT,
    RATE_LIMIT_USER: NO_LIMIT,
    RATE_LIMIT_ADDRESS: NO_LIMIT,
    RATE_LIMIT_SIGN_IN: NO_LIMIT,
  };
}

export interface ProductOptions {
  /** The built entry, `dist/apps/main.js` or that of another build. */
  main: string;
  databaseUrl: string;
  /** A folder of the run's own: data and log go there. */
  folder: string;
  cores: Cores | undefined;
  inspect: boolean;
}

/** Nexus under test: the built `all` process, driven over its HTTP contract only. */
export class Product {
  readonly served: ServedProcess;
  /** For further processes of the same platform. */
  readonly settings: PlatformSettings;
  readonly #smtp: SmtpSink;
  #reader: Account | undefined;
  #creator: Account | undefined;
  #logins: Account[] = [];
  #ids: string[] = [];

  private constructor(served: ServedProcess, settings: PlatformSettings, smtp: SmtpSink) {
    this.served = served;
    this.settings = settings;
    this.#smtp = smtp;
  }

  /** Starts the built product and waits until it is ready. @throws with the end of its log when it does not start */
  static async start({ main, databaseUrl, folder, cores, inspect }: ProductOptions): Promise<Product> {
    const smtp = await SmtpSink.start(HOST);
    try {
      const port = await freePort();
      const dataDir = join(folder, 'nexus');
      const managementPort = await freePort();
      const settings = { databaseUrl, publicUrl: `http://${HOST}:${port}`, smtpPort: smtp.port };
      const served = await ServedProcess.start({
        args: [main, '--target=all'],
        env: productEnv({ ...settings, dataDir, port, managementPort }),
        port,
        readyPath: '/health/ready',
        logFile: join(folder, 'nexus.log'),
        cores,
        inspect,
      });
      return new Product(served, settings, smtp);
    } catch (error) {
      await smtp.stop();
      throw error;
    }
  }

  /** Registers the accounts, creates the reader's projects and takes one answer of every scenario. */
  async prepare(): Promise<ReferenceData> {
    this.#reader = await this.#register('reader');
    this.#creator = await this.#register('creator');
    for (let index = 0; index < LOGIN_ACCOUNTS; index += 1) this.#logins.push(await this.#register(`login-${index}`));
    const token = await this.#token(this.#reader);
    for (let index = 0; index < PROJECTS; index += 1) {
      const created = await this.#send('POST', '/api/v1/projects', 201, projectBody(index), token);
      this.#ids.push((created.data as { id: string }).id);
    }
    const plans = await this.plans();
    const answers: Partial<Answers> = {};
    for (const name of PRODUCT_SCENARIO_NAMES) answers[name] = await this.#answer(name, plans[name]);
    return {
      reader: this.#reader,
      creator: this.#creator,
      answers: answers as Answers,
    };
  }

  /** The requests of every scenario, with access tokens that are fresh: they outlive a round, not a run. */
  async plans(): Promise<RequestPlans> {
    if (this.#reader === undefined || this.#creator === undefined) throw new Error('prepare() comes first');
    return createPlans({
      ids: this.#ids,
      readerToken: await this.#token(this.#reader),
      creatorToken: await this.#token(this.#creator),
      logins: this.#logins,
    });
  }

  /** A fresh access token of the reader. */
  readerToken(): Promise<string> {
    if (this.#reader === undefined) throw new Error('prepare() comes first');
    return this.#token(this.#reader);
  }

  async stop(): Promise<void> {
    await this.served.stop();
    await this.#smtp.stop();
  }

  async #register(name: string): Promise<Account> {
    const account = { email: `${name}@bench.example`, password: `a long passphrase, number ${name.length}` };
    const { data } = await this.#send('POST', '/api/v1/auth/register', 201, { ...account, name: `Bench ${name}` });
    return { ...account, id: (data as { user: { id: string } }).user.id };
  }

  async #token({ email, password }: Account): Promise<string> {
    const { data } = await this.#send('POST', '/api/v1/auth/login', 200, { email, password });
    return (data as { tokens: { access_token: string } }).tokens.access_token;
  }

  /** One answer of a scenario, taken by the path that the scenario is about. */
  async #answer(name: ProductScenarioName, plan: RequestPlan): Promise<Answer> {
    const spec = plan.requests[0];
    if (spec === undefined) throw new Error(`${name} has no request`);
    // The first read fills the cache, whether the scenario is about hits or not.
    if (spec.method === 'GET') await call(this.served.origin, spec);
    const result = await call(this.served.origin, spec);
    if (result.status !== plan.expectedStatus) throw this.#unexpected(name, result);
    const cacheStatus = `${result.headers.get('cache-status')}`;
    if (plan.expectedHead !== undefined && !cacheStatus.includes(plan.expectedHead)) {
      throw new Error(`${name}: Cache-Status is "${cacheStatus}", expected "${plan.expectedHead}"`);
    }
    if (name !== 'login' && result.headers.get('ratelimit-limit') !== NO_LIMIT) {
      throw new Error(`${name}: RateLimit-Limit is ${result.headers.get('ratelimit-limit')}, expected ${NO_LIMIT}`);
    }
    return JSON.parse(result.text) as Answer;
  }

  async #send(method: string, path: string, status: number, body?: unknown, token?: string): Promise<Answer> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    const spec = { method, path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const result = await call(this.served.origin, spec);
    if (result.status !== status) throw this.#unexpected(`${method} ${path}`, result);
    return JSON.parse(result.text) as Answer;
  }

  #unexpected(what: string, { status, text }: CallResult): Error {
    return new Error(`${what} answered ${status}: ${text.slice(0, 500)}\n${this.served.logTail()}`);
  }
}
