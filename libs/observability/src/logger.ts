import { type Clock, systemClock } from '@nexus/kernel';
import { pino } from 'pino';
import { type FdDestinationOptions, type LogDestination, MemoryDestination } from './log-destination.js';
import { type CleanFields, cleanFields, cleanText, type LogFields, MAX_MESSAGE } from './log-fields.js';
import { openFdDestination } from './open-destination.js';

/** From the least to the most severe; `silent` logs nothing. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type RecordLevel = Exclude<LogLevel, 'silent'>;

/** Version of the Elastic Common Schema that records follow. */
export const ECS_VERSION = '8.17.0';

/** Longest line in bytes, line feed included. */
export const MAX_LINE_BYTES = 32_768;

/**
 * Writes ECS records. No call ever throws or blocks. Secrets are taken out of messages, errors and fields (see
 * {@link LogFields}), but do not count on it: log ids, not values.
 */
export interface Logger {
  readonly level: LogLevel;
  isEnabled(level: RecordLevel): boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Also hands over everything that is still buffered before it returns. */
  fatal(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each record; a record's own fields win. */
  child(fields: LogFields): Logger;
}

/** Injection token of the process's {@link Logger}. */
export const LOGGER = Symbol('logger');

export interface LoggerOptions {
  readonly service: string;
  readonly version: string;
  readonly environment: string;
  readonly level: LogLevel;
  /** Where lines go; standard output unless given. */
  readonly destination?: LogDestination;
  readonly clock?: Clock;
}

const MS: string[] = Array.from({ length: 1000 }, (_, ms) => `.${String(ms).padStart(3, '0')}Z`);
let second = Number.NaN;
let secondText = '';

/** RFC 3339 in UTC with milliseconds; the text of the running second is kept. */
export function isoTime(ms: number): string {
  const whole = Math.floor(ms / 1000);
  if (whole !== second) {
    secondText = new Date(whole * 1000).toISOString().slice(0, -5);
    second = whole;
  }
  return secondText + MS[Math.floor(ms - whole * 1000)];
}

/** Shortens a line that became too long once it was escaped; core fields first, the rest as far as it fits. */
export function boundLine(line: string): string {
  // No UTF-16 unit needs more than three bytes.
  if (line.length * 3 <= MAX_LINE_BYTES || Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  const record = JSON.parse(line) as Record<string, unknown>;
  delete record.nexus;
  const message = record.message;
  delete record.message;
  let out = '{"labels.truncated":"true"';
  for (const [key, value] of [...Object.entries(record), ['message', message] as const]) {
    const short = typeof value === 'string' && value.length > 512 ? value.slice(0, 512) : value;
    const part = `,${JSON.stringify(key)}:${JSON.stringify(short)}`;
    const kept = key === 'message' ? MAX_LINE_BYTES : MAX_LINE_BYTES - 8_192;
    if (Buffer.byteLength(out) + Buffer.byteLength(part) + 2 <= kept) out += part;
  }
  return `${out}}\n`;
}

type PinoLogger = ReturnType<typeof makePino>;

function makePino(level: LogLevel, destination: LogDestination, clock: Clock) {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"@timestamp":"${isoTime(clock.now())}"`,
      formatters: { level: (label) => ({ 'log.level': label }) },
      hooks: { streamWrite: boundLine },
    },
    { write: (line: string) => destination.write(line) },
  );
}

/** The logger of {@link createLogger}; what it shows besides {@link Logger} is for the access log. */
export class EcsLogger implements Logger {
  constructor(
    private readonly pino: PinoLogger,
    readonly destination: LogDestination,
    readonly clock: Clock,
    /** Fields of every record. */
    readonly bound: CleanFields,
  ) {}

  get level(): LogLevel {
    return this.pino.level as LogLevel;
  }

  isEnabled(level: RecordLevel): boolean {
    return this.pino.isLevelEnabled(level);
  }

  debug(message: string, fields?: LogFields): void {
    this.put('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.put('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.put('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.put('error', message, fields);
  }

  fatal(message: string, fields?: LogFields): void {
    this.put('fatal', message, fields);
    this.destination.flushSync();
  }

  child(fields: LogFields): Logger {
    return new EcsLogger(this.pino, this.destination, this.clock, merge(this.bound, cleanFields(fields)));
  }

  private put(level: RecordLevel, message: string, fields: LogFields | undefined): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const { ecs, own } = fields ? merge(this.bound, cleanFields(fields)) : this.bound;
    const record: Record<string, unknown> = { 'ecs.version': ECS_VERSION, ...ecs };
    if (own) record.nexus = own;
    this.pino[level](record, cleanText(String(message), MAX_MESSAGE));
  }
}

function merge(under: CleanFields, over: CleanFields): CleanFields {
  return {
    ecs: { ...under.ecs, ...over.ecs },
    own: under.own && over.own ? { ...under.own, ...over.own } : (over.own ?? under.own),
  };
}

/** Makes the logger of one service (or of a process that runs several: use `child({ 'service.name': … })`). */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? standardOutput(options);
  const clock = options.clock ?? systemClock;
  const bound = cleanFields({
    'service.name': options.service,
    'service.version': options.version,
    'service.environment': options.environment,
  });
  return new EcsLogger(makePino(options.level, destination, clock), destination, clock, bound);
}

const opened: LogDestination[] = [];
let stdout: LogDestination | undefined;

/** Standard output is opened once per process and flushed when the process exits, however it does. */
function standardOutput(options: LoggerOptions): LogDestination {
  if (stdout) return stdout;
  stdout = openLogFile(1, {
    lossLine: (lost) => {
      const sink = new MemoryDestination();
      createLogger({ ...options, level: 'info', destination: sink }).warn('Log lines were lost: nobody read them', {
        'event.action': 'log-lines-lost',
        lost,
      });
      return sink.lines.join('');
    },
  });
  return stdout;
}

/** Opens a descriptor for logs, so that {@link flushLogs} and the end of the process flush it. */
export function openLogFile(fd: number, options?: FdDestinationOptions): LogDestination {
  if (opened.length === 0) {
    process.on('exit', () => {
      for (const destination of opened) destination.flushSync();
    });
  }
  const destination = openFdDestination(fd, options);
  opened.push(destination);
  return destination;
}

/** Waits until all buffered lines are handed over, at most `timeoutMs`; never rejects. For an orderly shutdown. */
export async function flushLogs(timeoutMs = 2_000): Promise<void> {
  await Promise.all(opened.map((destination) => destination.flush(timeoutMs)));
}

/** Lines that were lost since the start because nobody read them. */
export function lostLogLines(): number {
  return opened.reduce((sum, destination) => sum + destination.lost, 0);
}
