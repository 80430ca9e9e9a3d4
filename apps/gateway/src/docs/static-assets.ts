import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { packageRoot } from '@nexus/config';

/** A file as it is served. */
export interface Asset {
  readonly body: Buffer;
  readonly contentType: string;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nexus API</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<noscript>The interactive reference needs JavaScript; the document itself is at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</noscript>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
`;

const START = `window.ui = SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

function asset(body: Buffer, contentType: string): Asset {
  return { body, contentType, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"` };
}

/** The reference's own files: all from this process, none from elsewhere. Read once, at the first request. */
@Injectable()
export class StaticAssets {
  private readonly loaded = new Map<string, Promise<Asset>>();
  readonly page: Asset = asset(Buffer.from(PAGE), 'text/html; charset=utf-8');

  /** Undefined for a name that is not served. */
  find(name: string): Promise<Asset> | undefined {
    let found = this.loaded.get(name);
    if (!found && name === 'start.js')
      found = Promise.resolve(asset(Buffer.from(START), 'text/javascript; charset=utf-8'));
    const contentType = TYPES[name];
    if (!found && contentType) {
      const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
      found = readFile(join(folder, name)).then((body) => asset(body, contentType));
    }
    if (found) this.loaded.set(name, found);
    return found;
  }

  /** The OpenAPI document, as it was generated with this version. */
  document(): Promise<Asset> {
    let found = this.loaded.get('openapi');
    if (!found) {
      const file = join(packageRoot, 'docs/openapi.json');
      found = readFile(file).then((body) => asset(body, 'application/json; charset=utf-8'));
      this.loaded.set('openapi', found);
    }
    return found;
  }
}
