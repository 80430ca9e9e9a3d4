import { z } from 'zod';
import { ECS_SETS } from './log-fields.js';
import { LOG_LEVELS } from './logger.js';

const keyword = z.string();
const count = z.number().int().nonnegative();
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/**
 * What every log line is: one ECS 8 record with dotted keys. Fields that ECS does not know are below `nexus`; any other
 * key belongs to a field set of ECS and holds a scalar or a list of scalars.
 */
export const ecsRecord = z
  .object({
    '@timestamp': z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'must be UTC with milliseconds'),
    'log.level': z.enum(LOG_LEVELS).exclude(['silent']),
    message: z.string(),
    'ecs.version': z.string().regex(/^8\.\d+\.\d+$/),
    'service.name': keyword,
    'service.version': keyword,
    'service.environment': keyword,
    'trace.id': keyword.optional(),
    'span.id': keyword.optional(),
    'log.logger': keyword.optional(),
    'event.action': keyword.optional(),
    'event.category': z
      .array(z.enum(['web', 'authentication', 'iam', 'session', 'configuration', 'database']))
      .optional(),
    'event.dataset': keyword.optional(),
    'event.outcome': z.enum(['success', 'failure', 'unknown']).optional(),
    'event.duration': count.optional(),
    'error.type': keyword.optional(),
    'error.message': z.string().optional(),
    'error.code': keyword.optional(),
    'error.stack_trace': z.string().optional(),
    'http.request.id': keyword.optional(),
    'http.request.method': keyword.optional(),
    'http.response.status_code': count.optional(),
    'http.response.body.bytes': count.optional(),
    'url.path': keyword.optional(),
    'url.query': keyword.optional(),
    'user.id': keyword.optional(),
    'client.ip': z.union([z.ipv4(), z.ipv6()]).optional(),
    'client.address': keyword.optional(),
    nexus: z.record(z.string(), z.unknown()).optional(),
  })
  .catchall(z.union([scalar, z.array(scalar)]))
  .superRefine((record, context) => {
    for (const key of Object.keys(record)) {
      const known = key === '@timestamp' || key === 'message' || key === 'nexus';
      if (!known && !ECS_SETS.has(key.split('.', 1)[0] as string)) {
        context.addIssue({ code: 'custom', message: `${key} belongs to no ECS field set`, path: [key] });
      }
    }
  });
