import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RevocationList } from '@nexus/auth-guards';
import { remotePort } from '@nexus/clients';
import { TokenTrust } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { ServicePool } from '@nexus/resilience';
import { CONTRACT_CALLER, eventually, serveTestPort, TokenMint, testServiceContext } from '@nexus/testing';
import { localPort } from '../local-port.js';

type Served = Awaited<ReturnType<typeof serveTestPort>>;

const context = () => testServiceContext(CONTRACT_CALLER);

let mint: TokenMint;
let instances: Served[];
let pool: ServicePool;
let trust: TokenTrust;

beforeEach(async () => {
  mint = new TokenMint();
  const open = () =>
    serveTestPort(
      TokenTrust,
      localPort<TokenTrust>(TokenTrust, () => mint),
      mint,
    );
  instances = [await open(), await open()];
  pool = new ServicePool({ service: 'auth', urls: instances.map(({ url }) => url), connections: 16 });
  trust = remotePort<TokenTrust>(TokenTrust, { dispatcher: pool, caller: CONTRACT_CALLER });
});

afterEach(async () => {
  await pool.destroy();
  for (const instance of instances) await instance.close();
});

/** As a process stops that is told to: no new connections, what runs is answered, streams end. */
async function stopInOrder({ calls, server }: Served): Promise<void> {
  calls.close();
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await closed;
}

describe('one of two instances', () => {
  test('that stops in order costs no call, and no revocation', async () => {
    const list = new RevocationList(trust, context);
    await list.start();
    await eventually(() => list.unsureMs() === 0, 'the stream stands');
    let done = 0;
    let going = true;
    const failures: unknown[] = [];
    const revoked: string[] = [];
    const callers = Array.from({ length: 16 }, async () => {
      while (going) {
        await trust.revocations(context(), { after: revoked.length }).catch((error: unknown) => failures.push(error));
        done++;
      }
    });
    await eventually(() => done > 100, 'calls are made');
    const stopped = stopInOrder(instances[0] as Served);
    for (let i = 0; i < 20; i++) {
      const sid = uuidv7();
      mint.revoke(sid);
      revoked.push(sid);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await stopped;
    const after = done;
    await eventually(() => done > after + 200, 'calls go on');
    await eventually(() => revoked.every((sid) => list.isRevoked(sid, 1)), 'every revocation is known');
    await eventually(() => list.unsureMs() === 0, 'it is sure');
    going = false;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    list.close();
  });

  test('that dies costs no idempotent call', async () => {
    let done = 0;
    let going = true;
    const failures: unknown[] = [];
    const callers = Array.from({ length: 16 }, async () => {
      while (going) {
        await trust.keys(context(), {}).catch((error: unknown) => failures.push(error));
        done++;
      }
    });
    await eventually(() => done > 100, 'calls are made');
    await (instances[1] as Served).close();
    const after = done;
    await eventually(() => done > after + 500, 'calls go on');
    going = false;
    await Promise.all(callers);
    expect(failures).toEqual([]);
  });
});
