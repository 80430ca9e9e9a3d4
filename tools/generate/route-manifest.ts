import type { Policy } from './platform.ts';

/** libs/contracts/src/route-manifest.generated.ts */
export function routeManifest(policies: readonly Policy[]): string {
  const sorted = policies.toSorted((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method));
  return `// Generated from the decorators by \`npm run generate\`; do not edit.
import type { RoutePolicy } from './route.js';

/** Every route of the platform: what a gateway knows of services that run elsewhere. */
export const ROUTE_MANIFEST: readonly RoutePolicy[] = ${JSON.stringify(sorted, null, 2)};
`;
}
