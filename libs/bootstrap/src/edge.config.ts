import { defineConfig, env } from '@nexus/config';

const ORIGIN = /^(\*|https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?)$/;

/** What an edge process reads. */
export const edgeConfig = defineConfig('edge', {
  CORS_ORIGINS: {
    schema: env
      .list()
      .refine(
        (list) => list.every((origin) => ORIGIN.test(origin)),
        'must be origins such as https://app.example.com, or *',
      ),
    description: 'Origins, separated by commas, whose pages may call the API from a browser; `*` for any.',
  },
  GATEWAY_REPLICAS: {
    schema: env.int(1, { min: 1, max: 1000 }),
    description: 'How many edge processes run. More than one needs `REDIS_URL`, or limits would not be exact.',
  },
  GATEWAY_CONNECTIONS: {
    schema: env.int(10_000, { min: 1, max: 1_000_000 }),
    description:
      'Open connections of clients; more are answered with 503 and closed. Each needs a file descriptor (`ulimit -n`).',
  },
  GATEWAY_CONNECTIONS_PER_ADDRESS: {
    schema: env.int(512, { min: 1, max: 1_000_000 }),
    description: 'Those of one address (IPv6: of one /64). `TRUSTED_PROXIES` may hold more.',
  },
  GATEWAY_REQUESTS_PER_CONNECTION: {
    schema: env.int(10_000, { max: 1_000_000_000 }),
    description:
      'A connection ends, in order, with its answer to so many requests, or up to a tenth less, so that clients spread anew over the processes; 0 for no limit.',
  },
  GATEWAY_BODY_BYTES_PER_SECOND: {
    schema: env.int(240, { max: 1_000_000_000 }),
    description: 'Least speed of a request body, on average while it is waited for; else 408. 0 for none.',
  },
  GATEWAY_BODY_GRACE_SECONDS: {
    schema: env.int(5, { min: 1, max: 3_600 }),
    description: 'How long a body may be slower than that at first, in seconds.',
  },
  GATEWAY_ANSWER_BYTES_PER_SECOND: {
    schema: env.int(240, { max: 1_000_000_000 }),
    description:
      'Least speed, on average, at which a client takes an answer that waits for it; else its connection is reset. 0 for none.',
  },
  GATEWAY_ANSWER_GRACE_SECONDS: {
    schema: env.int(120, { min: 1, max: 3_600 }),
    description: 'How long a client may be slower than that, in seconds.',
  },
});
