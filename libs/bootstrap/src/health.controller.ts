import { Controller } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Endpoint } from '@nexus/http';
import { z } from 'zod';
import { Health } from './health.js';

const status = z.object({ status: z.literal('ok') }).meta({ id: 'HealthStatus' });
const readiness = z
  .object({
    status: z.literal('ok'),
    missing: z.array(z.string()).optional().meta({ description: 'Services that run elsewhere and do not answer now.' }),
    impaired: z
      .array(
        z.object({
          service: z.string(),
          circuit: z.enum(['closed', 'open', 'half_open']).optional(),
          ejected: z.int().optional(),
          full: z.boolean().optional(),
        }),
      )
      .optional()
      .meta({
        description:
          'Services that run elsewhere and are not asked for a while (`circuit`), have addresses that are left alone (`ejected`), or as many requests as they may (`full`).',
      }),
    limited: z
      .object({ requests: z.int() })
      .optional()
      .meta({ description: 'There was too much to do lately: how many requests are taken at a time.' }),
  })
  .meta({ id: 'Readiness' });

/** Probes on the API port; the management port answers the same. */
@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly health: Health) {}

  @Endpoint('GET', 'live', {
    operation: 'getLiveness',
    summary: 'Whether the process runs',
    description: 'Looks at nothing but the process itself.',
    response: status,
    unlimited: true,
  })
  live() {
    return { status: 'ok' as const };
  }

  @Endpoint('GET', 'ready', {
    operation: 'getReadiness',
    summary: 'Whether the process can serve requests',
    description: 'Names in `details` what does not answer.',
    response: readiness,
    errors: ['unavailable'],
    unlimited: true,
  })
  async ready() {
    const failure = await this.health.readiness();
    if (failure) throw failure;
    return this.health.ready();
  }
}
