import type { Provider } from '@nestjs/common';
import { RevocationList } from '@nexus/auth-guards';
import { ResponseCache } from '@nexus/caching';
import type { Config } from '@nexus/config';
import { DatabaseRoot } from '@nexus/database';
import { Messaging } from '@nexus/messaging';
import { LOGGER, type Logger } from '@nexus/observability';
import type { PortToken } from './define-service.js';
import { Health } from './health.js';
import { StartReport } from './start-report.js';

/** What the root has made and hands to every module. */
export interface PlatformParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly databases: DatabaseRoot;
  /** Absent in a process that keeps nothing. */
  readonly messaging: Messaging | undefined;
  readonly cache: ResponseCache;
  readonly revocations: RevocationList;
  readonly report: StartReport;
  readonly ports: readonly { readonly token: PortToken; readonly client: object }[];
  /** Filled once the modules exist: health uses one of them. */
  readonly holder: { health?: Health };
}

function made({ health }: PlatformParts['holder']): Health {
  if (!health) throw new Error('Health was asked before the process was assembled');
  return health;
}

/** {@link PlatformParts} as providers. */
export function platformProviders(parts: PlatformParts): Provider[] {
  const { config, holder } = parts;
  return [
    { provide: LOGGER, useValue: parts.logger },
    { provide: DatabaseRoot, useValue: parts.databases },
    ...(parts.messaging ? [{ provide: Messaging, useValue: parts.messaging }] : []),
    { provide: ResponseCache, useValue: parts.cache },
    { provide: RevocationList, useValue: parts.revocations },
    { provide: StartReport, useValue: parts.report },
    {
      provide: Health,
      useValue: {
        readiness: () => made(holder).readiness(),
        ready: () => made(holder).ready(),
      },
    },
    ...parts.ports.map(({ token, client }) => ({ provide: token, useValue: client })),
    ...config.slices.map((slice) => ({ provide: slice.token, useValue: config.get(slice) })),
  ];
}
