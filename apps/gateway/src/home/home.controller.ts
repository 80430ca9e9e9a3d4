import { Controller } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { packageVersion } from '@nexus/config';
import { Endpoint } from '@nexus/http';
import { discovery } from './home.schemas.js';

/** Where a client that knows nothing but the address finds the rest. */
@Public()
@Controller()
export class HomeController {
  @Endpoint('GET', '', {
    operation: 'getDiscovery',
    summary: 'What this is, and where the rest is',
    response: discovery,
    cache: { audience: 'public', tags: ['discovery'] },
  })
  discovery() {
    return {
      name: 'Nexus',
      version: packageVersion,
      links: {
        docs: '/docs',
        openapi: '/api/v1/openapi.json',
        jwks: '/.well-known/jwks.json',
        live: '/health/live',
        ready: '/health/ready',
      },
    };
  }
}
