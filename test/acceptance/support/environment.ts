/** What the suite is told about the server under test; see ../README.md. */
export interface Environment {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Where health and metrics are, without a slash at the end: of the edge first, then of every other process. */
  readonly managementUrls: readonly [string, ...string[]];
  readonly adminEmail: string;
  readonly adminPassword: string;
}

function read(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: test/acceptance/README.md says what the suite needs.`);
  return value;
}

export const environment: Environment = {
  baseUrl: read('NEXUS_BASE_URL').replace(/\/+$/, ''),
  managementUrls: read('NEXUS_MANAGEMENT_URL')
    .split(',')
    .map((url) => url.trim().replace(/\/+$/, '')) as [string, ...string[]],
  adminEmail: read('NEXUS_ADMIN_EMAIL'),
  adminPassword: read('NEXUS_ADMIN_PASSWORD'),
};

/** The one origin that the server under test lets in (`CORS_ORIGINS`). */
export const KNOWN_ORIGIN = 'https://app.example.test';
