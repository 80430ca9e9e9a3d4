import type { LoggerService } from '@nestjs/common';
import type { LogFields } from './log-fields.js';
import type { Logger, RecordLevel } from './logger.js';

/** Contexts under which Nest tells about its own start; of interest only when it fails. */
const START_UP = new Set([
  'NestFactory',
  'NestApplication',
  'InstanceLoader',
  'Injector',
  'RoutesResolver',
  'RouterExplorer',
  'NestMicroservice',
  'WebSocketsController',
  'GraphQLModule',
  'DiscoveryService',
]);

/**
 * Lets Nest log through a {@link Logger}: `app.useLogger(new NestLogger(logger))`. The context becomes `log.logger`;
 * what Nest says about its own start is logged at `debug`.
 */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    const context = lastText(rest);
    this.put(context !== undefined && START_UP.has(context) ? 'debug' : 'info', message, rest, context);
  }

  error(message: unknown, ...rest: unknown[]): void {
    // Nest passes (message, stack?, context?): a lone text that spans lines is a stack.
    const context = rest.length === 1 && isStack(rest[0]) ? undefined : lastText(rest);
    this.put('error', message, rest, context);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.put('warn', message, rest, lastText(rest));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.put('debug', message, rest, lastText(rest));
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.put('debug', message, rest, lastText(rest));
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.put('fatal', message, rest, lastText(rest));
  }

  private put(level: RecordLevel, message: unknown, rest: readonly unknown[], context: string | undefined): void {
    if (!this.logger.isEnabled(level)) return;
    const fields: Record<string, unknown> = { 'log.logger': context };
    const others = context === undefined ? rest : rest.slice(0, -1);
    const stack = others.find(isStack);
    if (stack !== undefined) fields['error.stack_trace'] = stack;
    const more = others.filter((item) => item !== undefined && item !== stack);
    if (more.length > 0) fields.details = more;
    this.logger[level](this.text(message, fields), fields as LogFields);
  }

  private text(message: unknown, fields: Record<string, unknown>): string {
    if (typeof message === 'string') return message;
    if (message instanceof Error) {
      fields.error = message;
      return message.message;
    }
    fields.data = message;
    return typeof message === 'object' && message !== null ? 'Nest reports' : String(message);
  }
}

function lastText(rest: readonly unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' ? last : undefined;
}

function isStack(value: unknown): value is string {
  return typeof value === 'string' && /\n\s+at /.test(value);
}
