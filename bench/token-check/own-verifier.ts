import { pathToFileURL } from 'node:url';
import { serveChecks } from './checker.ts';
import type { TokenCase } from './protocol.ts';

/** How often auth says that its stream of revocations is alive, in ms. */
const BEAT_MS = 250;

interface Watch {
  lost(): void;
  opened(): void;
  beat(): void;
}

interface Verifier {
  verify(token: string): { id: string } | Promise<{ id: string }>;
}

interface AuthGuards {
  AccessTokenVerifier: new (trust: object, revocations: object, context: () => object, options: object) => Verifier;
  RevocationList: new (trust: object, context: () => object) => { start(): Promise<void> };
}

/** The verifier of the gateway, with a stream of revocations that comes from another process. */
serveChecks(async ({ token, jwk, issuer, audience }: TokenCase, main: string) => {
  const url = new URL('../libs/auth-guards/src/index.js', pathToFileURL(main));
  const { AccessTokenVerifier, RevocationList } = (await import(url.href)) as AuthGuards;
  const trust = {
    keys: async () => ({ keys: [jwk] }),
    revocations: async () => ({ entries: [], head: 0 }),
    subscribe: (_listener: unknown, watch: Watch) => {
      watch.lost();
      watch.opened();
      setInterval(() => watch.beat(), BEAT_MS).unref();
      return () => undefined;
    },
  };
  const context = () => ({ deadline: Date.now() + 1_000 });
  const revocations = new RevocationList(trust, context);
  await revocations.start();
  const verifier = new AccessTokenVerifier(trust, revocations, context, { issuer, audience, graceMs: 30_000 });
  const { id } = await verifier.verify(token);
  return (text) => {
    const actor = verifier.verify(text);
    // A promise would mean that the token was not known.
    return 'id' in actor && actor.id === id;
  };
});
