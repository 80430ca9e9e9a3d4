import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ChartPlatform, chartPlatform } from './charts/chart-platform.ts';
import type { Slice } from './slice.ts';

export interface ErrorEntry {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly owner: string;
}

export interface Policy {
  readonly service: string;
  readonly path: string;
  readonly method: string;
}

export interface Platform {
  readonly openapi: unknown;
  readonly errors: readonly ErrorEntry[];
  readonly slices: readonly Slice[];
  readonly policies: readonly Policy[];
  readonly charts: ChartPlatform;
}

/** Reads the built platform without starting it: decorators, catalogues and slices are plain data. */
export async function loadPlatform(root: string): Promise<Platform> {
  const load = (path: string) => import(pathToFileURL(join(root, 'dist', path)).href);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { catalog } = await load('apps/catalog.js');
  const bootstrap = await load('libs/bootstrap/src/index.js');
  const http = await load('libs/http/src/index.js');
  const kernel = await load('libs/kernel/src/index.js');
  const { TokenTrust } = await load('libs/contracts/src/index.js');
  const routes = http.reflectRoutes('gateway', [bootstrap.HealthController]);
  const slices = new Set<Slice>(bootstrap.PLATFORM_SLICES);
  for (const service of catalog) {
    routes.push(...http.reflectRoutes(service.name, bootstrap.collectControllers(await service.module())));
    for (const slice of service.config) slices.add(slice);
  }
  return {
    openapi: http.buildOpenApi(routes, version),
    errors: kernel.errorCatalogue(),
    slices: [...slices],
    policies: routes.map((route: { policy: Policy }) => route.policy),
    charts: chartPlatform(version, catalog, bootstrap.PLATFORM_SLICES, TokenTrust),
  };
}
