import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type AppError, errors } from '@nexus/kernel';
import { type AddressKey, addressKey, canonicalAddress } from '@nexus/throttling';

/** How many connections a listener holds at a time. */
export interface CapOptions {
  readonly total: number;
  /** Of one address; an IPv6 /64 counts as one. */
  readonly perAddress: number;
  /** Whether an address, in canonical form, stands for many clients. */
  readonly exempt: (address: string) => boolean;
  /** Writes an answer where there is no request, and ends our side of the connection. */
  readonly refuse: (socket: Socket, error: AppError) => void;
}

/** Refused connections that may be open to take their answer; all others are closed at once. */
const MOST_LEAVING = 100;
/** How long a refused client may take to leave, in ms. */
const LEAVE_MS = 1_000;
const RETRY_SOON = { 'retry-after': '1' };

type Reason = 'total' | 'address';

const ERRORS: Record<Reason, () => AppError> = {
  total: () => errors.overloaded({ headers: RETRY_SOON }),
  address: () =>
    errors.overloaded({ headers: RETRY_SOON, message: 'Too many connections are open from this address.' }),
};

/**
 * Holds no more connections than it is told to. One that is too many never becomes a connection of the HTTP server: it
 * is told 503 and closed, so that those who are there notice nothing.
 */
export class ConnectionCaps {
  /** Connections refused, by why. */
  readonly refused: Record<Reason, number> = { total: 0, address: 0 };
  private count = 0;
  private leaving = 0;
  private readonly byAddress = new Map<AddressKey, number>();

  constructor(private readonly options: CapOptions) {}

  /** Connections that are open. */
  get open(): number {
    return this.count;
  }

  /** Stands before everybody who takes this server's connections; to be called when the HTTP server has just been made. */
  guard(server: Server): void {
    const takers = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (this.takes(socket)) for (const take of takers) take.call(server, socket);
    });
  }

  private takes(socket: Socket): boolean {
    const { total, perAddress } = this.options;
    const key = this.keyOf(socket);
    const held = key === undefined ? 0 : (this.byAddress.get(key) ?? 0);
    const reason = this.count >= total ? 'total' : held >= perAddress ? 'address' : undefined;
    if (reason !== undefined) {
      this.turnAway(socket, reason);
      return false;
    }
    this.count += 1;
    if (key !== undefined) this.byAddress.set(key, held + 1);
    socket.once('close', () => this.release(key));
    return true;
  }

  /** Whose connection it counts as; nobody's when it stands for many, or is gone already. */
  private keyOf({ remoteAddress }: Socket): AddressKey | undefined {
    const address = canonicalAddress(remoteAddress);
    return address === undefined || this.options.exempt(address) ? undefined : addressKey(address);
  }

  private release(key: AddressKey | undefined): void {
    this.count -= 1;
    if (key === undefined) return;
    const held = (this.byAddress.get(key) ?? 0) - 1;
    if (held > 0) this.byAddress.set(key, held);
    else this.byAddress.delete(key);
  }

  private turnAway(socket: Socket, reason: Reason): void {
    this.refused[reason] += 1;
    socket.on('error', () => undefined);
    if (this.leaving >= MOST_LEAVING) {
      socket.resetAndDestroy();
      return;
    }
    this.leaving += 1;
    const timer = setTimeout(() => socket.destroy(), LEAVE_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.leaving -= 1;
    });
    // Closing at once would take the answer away from a client that has sent something.
    socket.once('end', () => socket.destroy());
    socket.resume();
    this.options.refuse(socket, ERRORS[reason]());
  }
}
