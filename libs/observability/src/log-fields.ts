import type { CallContext } from '@nexus/kernel';
import { isSecretKey, isSuspect, REDACTED, scrub } from './redaction.js';
import { asError, MAX_STACK, nameOf, read, stackOf, textOf } from './thrown.js';

/**
 * What a record carries besides its message. Keys in ECS notation (`user.id`, `event.action`) are written as they are,
 * `error` (or `err`) takes anything that was thrown, everything else goes below `nexus`.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** Fields that may be written: bounded, free of secrets, plain data. */
export interface CleanFields {
  /** Dotted ECS keys. */
  readonly ecs: Record<string, unknown>;
  /** Fields that ECS does not know. */
  readonly own: Record<string, unknown> | undefined;
}

/** Field sets of ECS 8 (https://www.elastic.co/guide/en/ecs/8.17/ecs-field-reference.html) that records may use. */
export const ECS_SETS: ReadonlySet<string> = new Set(
  (
    'client cloud container destination dns ecs error event file group host http labels log network orchestrator ' +
    'organization package process related server service source span threat tls trace transaction url user user_agent'
  ).split(' '),
);
/** Written by the logger alone. */
const RESERVED = new Set(['@timestamp', 'message', 'log.level', 'ecs.version']);

const MAX_DEPTH = 6;
const MAX_ITEMS = 50;
const MAX_NODES = 400;
const MAX_TEXT = 2_048;
const MAX_KEY = 128;
/** Characters of one record's fields; a line stays below its bound whatever is logged. */
const MAX_CHARS = 16_384;

/** Longest message, in characters. */
export const MAX_MESSAGE = 4_096;

/** Cuts text that is too long and takes secrets out. */
export function cleanText(text: string, max = MAX_TEXT): string {
  return scrub(text.length > max ? `${text.slice(0, max)}… (${text.length - max} more)` : text);
}

const plainKeys = new Set<string>();
const MAX_PLAIN_KEYS = 4_096;

/** True for a short name that is free of secrets; names repeat, so the answer is kept. */
function isPlainKey(key: string): boolean {
  if (plainKeys.has(key)) return true;
  if (key.length > 64 || isSuspect(key)) return false;
  if (plainKeys.size < MAX_PLAIN_KEYS) plainKeys.add(key);
  return true;
}

/** Walks one record's values; what is left of its allowance travels along. */
class Cleaner {
  private nodes = MAX_NODES;
  private chars = MAX_CHARS;

  text(text: string, max = MAX_TEXT): string {
    const clean = cleanText(text, Math.max(0, Math.min(max, this.chars)));
    this.chars -= clean.length;
    return clean;
  }

  key(key: string): string {
    if (!isPlainKey(key)) return this.text(key, MAX_KEY);
    this.chars -= key.length;
    return key;
  }

  value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
        return value;
      case 'bigint':
        return this.text(String(value));
      case 'object':
        return value === null ? null : this.object(value, depth);
      default:
        return undefined;
    }
  }

  /** The value of a named field; `undefined` leaves the field out. */
  named(name: string, value: unknown, depth: number): unknown {
    if (isSecretKey(name) && value !== undefined && value !== null && typeof value !== 'boolean') return REDACTED;
    return this.value(value, depth);
  }

  private object(value: object, depth: number): unknown {
    if (--this.nodes < 0 || this.chars <= 0) return '[…]';
    try {
      if (asError(value)) return { ...this.error(value) };
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
      if (value instanceof URL || value instanceof RegExp) return this.text(String(value));
      if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
      if (value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
      if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
      if (Array.isArray(value)) return this.list(value, value.length, depth);
      if (value instanceof Set) return this.list(value, value.size, depth);
      if (value instanceof Map) return this.entries(value, value.size, depth);
      const toJson = read(value, 'toJSON');
      if (typeof toJson === 'function') {
        const plain: unknown = toJson.call(value, '');
        return plain === value ? '[Object]' : this.value(plain, depth + 1);
      }
      return this.record(value, depth);
    } catch {
      return '[unreadable]';
    }
  }

  private list(items: Iterable<unknown>, length: number, depth: number): unknown[] {
    const out: unknown[] = [];
    let secret = false;
    for (const item of items) {
      if (out.length >= MAX_ITEMS || this.nodes < 0) break;
      // Raw headers are lists of names and values in turn.
      out.push(secret ? REDACTED : (this.value(item, depth + 1) ?? null));
      secret = !secret && typeof item === 'string' && isSecretKey(item);
    }
    if (length > out.length) out.push(`… ${length - out.length} more`);
    return out;
  }

  private entries(entries: Iterable<[unknown, unknown]>, size: number, depth: number): Record<string, unknown> {
    const out = emptyRecord();
    let count = 0;
    for (const [key, value] of entries) {
      if (count >= MAX_ITEMS || this.nodes < 0) break;
      count += 1;
      this.put(out, typeof key === 'object' && key !== null ? `[key ${count}]` : String(key), value, depth);
    }
    if (size > count) out['…'] = size - count;
    return out;
  }

  private record(value: object, depth: number): Record<string, unknown> {
    const out = emptyRecord();
    const label = read(value, 'name') ?? read(value, 'key');
    const secretValue = typeof label === 'string' && isSecretKey(label);
    let count = 0;
    for (const key in value) {
      if (!Object.hasOwn(value, key)) continue;
      if (count >= MAX_ITEMS || this.nodes < 0) {
        out['…'] = 'more';
        break;
      }
      count += 1;
      if (key === 'value' && secretValue) out[key] = REDACTED;
      else this.put(out, key, read(value, key), depth);
    }
    return out;
  }

  private put(out: Record<string, unknown>, key: string, value: unknown, depth: number): void {
    const clean = this.named(key, value, depth + 1);
    if (clean !== undefined) out[this.key(key)] = clean;
  }

  /** ECS `error.*` without the prefix; a chain of causes is appended to the stack trace. */
  error(thrown: unknown): { type?: string; message: string; code?: string; stack_trace?: string } {
    const error = asError(thrown);
    if (!error) {
      const text = typeof thrown === 'object' && thrown !== null ? describe(this.value(thrown, 0)) : String(thrown);
      return { message: this.text(text) };
    }
    const code = read(error, 'code');
    const known = typeof code === 'string' || typeof code === 'number';
    return {
      type: this.text(nameOf(error), MAX_KEY),
      message: this.text(textOf(error, 'message')),
      ...(known && { code: this.text(String(code), MAX_KEY) }),
      stack_trace: this.text(stackOf(error), MAX_STACK),
    };
  }
}

/** Without a prototype, so that a key named `__proto__` is a key like any other. */
function emptyRecord(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const ECS_KEY = /^[a-z_]+(?:\.[a-z0-9_]+)+$/;

function isEcsKey(key: string): boolean {
  return ECS_KEY.test(key) && ECS_SETS.has(key.slice(0, key.indexOf('.'))) && !RESERVED.has(key);
}

function isFlat(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => typeof item !== 'object' || item === null);
  return typeof value !== 'object' || value === null;
}

/**
 * Turns what the caller gave into fields that may be written. Never throws; time and size are bounded whatever the
 * value is (cycles, getters that throw, proxies, millions of keys).
 */
export function cleanFields(fields: LogFields): CleanFields {
  const cleaner = new Cleaner();
  const ecs = emptyRecord();
  let own: Record<string, unknown> | undefined;
  let count = 0;
  try {
    for (const key in fields) {
      if (!Object.hasOwn(fields, key)) continue;
      if (++count > MAX_ITEMS) break;
      const value = read(fields, key);
      if (value === undefined) continue;
      if (key === 'error' || key === 'err') {
        for (const [name, part] of Object.entries(cleaner.error(value))) ecs[`error.${name}`] = part;
        continue;
      }
      const clean = cleaner.named(key, value, 0);
      if (clean === undefined) continue;
      const name = cleaner.key(key);
      if (isEcsKey(name) && isFlat(clean)) ecs[name] = clean;
      else {
        own ??= emptyRecord();
        own[name] = clean;
      }
    }
  } catch {
    ecs['labels.unreadable'] = 'true';
  }
  return { ecs, own };
}

/** The fields that tie a record to the work it belongs to. */
export function contextFields(context: CallContext): LogFields {
  return {
    'trace.id': context.trace.traceId,
    'span.id': context.trace.spanId,
    'http.request.id': context.requestId,
    'user.id': context.actor.kind === 'anonymous' ? undefined : context.actor.id,
    'client.ip': context.address,
  };
}
